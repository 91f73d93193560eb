'use client';
/** The page itself failed to draw: say what was thrown and offer to draw it again; the choice is safe in the URL. */
export default function PageError({ error, reset }: { error: Error & { digest?: string }; reset: () => void }) {
  return (
    <main className="grid min-h-dvh place-content-center gap-3 p-8 text-center">
      <h1 className="text-base font-semibold">The page could not be drawn</h1>
      <p className="max-w-prose text-muted">{error.message || `Error ${error.digest ?? 'without a message'}`}</p>
      <p className="text-muted">Your choice of blocks is kept in the address, and finished analyses in this browser.</p>
      <button
        type="button"
        onClick={reset}
        className="justify-self-center rounded-md bg-ink px-3 py-1.5 font-medium text-bg"
      >
        Draw it again
      </button>
    </main>
  );
}
