/** Rows of the plan's table that are no before → after. */
import type { ReactNode } from 'react';

interface RowProps {
  name: string;
  title?: string | undefined;
  children: ReactNode;
}

export function Row({ name, title, children }: RowProps) {
  return (
    <tr className="h-6" title={title}>
      <th scope="row" className="text-left font-normal whitespace-nowrap text-muted">
        {name}
      </th>
      <td className="text-right" colSpan={2}>
        {children}
      </td>
    </tr>
  );
}

export function Note({ children }: { children: ReactNode }) {
  return (
    <tr>
      <td colSpan={3} className="pb-1 text-right text-2xs text-muted">
        {children}
      </td>
    </tr>
  );
}
