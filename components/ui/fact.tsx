/** A name and its value on one line; the value's place is kept while it is unknown. */
import type { ReactNode } from 'react';

export function Fact({
  name,
  value,
  title,
}: {
  name: string;
  value: ReactNode | null | undefined;
  title?: string | undefined;
}) {
  return (
    <div className="flex h-6 items-center justify-between gap-3" title={title}>
      <dt className="text-muted">{name}</dt>
      <dd className="min-w-0 truncate text-right">{value ?? <span className="skeleton block h-3 w-16" />}</dd>
    </div>
  );
}
