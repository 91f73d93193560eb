/** A way to another page of the product. Plain links: the analysis page and the runs hold nothing in common but the look. */
import type { ReactNode } from 'react';

export function PageLink({ href, here, children }: { href: string; here?: boolean; children: ReactNode }) {
  return (
    <a
      href={href}
      aria-current={here ? 'page' : undefined}
      className="inline-flex h-7 items-center rounded-md px-2 text-muted hover:bg-panel-2 hover:text-ink aria-[current=page]:bg-panel-2 aria-[current=page]:text-ink"
    >
      {children}
    </a>
  );
}
