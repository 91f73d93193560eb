/** Contigua's mark and name: a kept block, a chosen run, a kept block. */
export function Logo() {
  return (
    <>
      <svg aria-hidden="true" width="20" height="20" viewBox="0 0 20 20">
        <rect x="1" y="2" width="4" height="16" rx="1.5" fill="currentColor" />
        <rect x="6.5" y="2" width="7" height="16" rx="1.5" className="fill-accent" />
        <rect x="15" y="2" width="4" height="16" rx="1.5" fill="currentColor" />
      </svg>
      {/* A narrow bar has room for the mark alone. */}
      <span className="max-sm:sr-only">Contigua</span>
    </>
  );
}
