'use client';
/** On or off, in a table row; the accent means "chosen" here as everywhere. */
export function Switch({ name, on, onChange }: { name: string; on: boolean; onChange: (on: boolean) => void }) {
  return (
    <button
      type="button"
      role="switch"
      aria-checked={on}
      aria-label={name}
      onClick={() => onChange(!on)}
      className="relative h-4 w-7 shrink-0 rounded-full border border-line-strong bg-panel-2 transition-colors aria-checked:border-accent aria-checked:bg-accent"
    >
      <span
        className={`absolute top-1/2 size-2.5 -translate-y-1/2 rounded-full motion-safe:transition-all ${on ? 'left-[14px] bg-panel' : 'left-[2px] bg-line-strong'}`}
      />
    </button>
  );
}
