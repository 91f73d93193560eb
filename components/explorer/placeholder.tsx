/** The place of a chart whose data has not come: its final height, and a word on what is missing. */
export function Placeholder({ height, children }: { height: number; children?: React.ReactNode }) {
  return (
    <div
      style={{ height }}
      className="grid place-content-center rounded-md border border-dashed border-line text-center text-xs text-muted"
    >
      {children}
    </div>
  );
}
