/** A determinate bar with its meaning in words for assistive technology. */
interface ProgressProps {
  name: string;
  /** 0…1 */
  share: number;
  text?: string;
  slim?: boolean;
}

export function Progress({ name, share, text, slim }: ProgressProps) {
  const percent = Math.round(Math.min(1, Math.max(0, share)) * 100);
  return (
    <div
      role="progressbar"
      aria-label={name}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
      aria-valuetext={text}
      className={`overflow-hidden rounded-full bg-line ${slim ? 'h-0.5' : 'h-1'}`}
    >
      <div
        className="h-full rounded-full bg-ink motion-safe:transition-[width] duration-200"
        style={{ width: `${percent}%` }}
      />
    </div>
  );
}
