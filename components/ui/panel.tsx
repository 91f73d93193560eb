/** A titled region: name, help and tools in one line, then its content. Flat; regions are parted by hairlines. */
import { type ReactNode, useId } from 'react';

interface PanelProps {
  title: string;
  help?: ReactNode;
  /** One line under the title that says what the content shows. */
  reading?: ReactNode;
  tools?: ReactNode;
  children: ReactNode;
  className?: string;
}

export function Panel({ title, help, reading, tools, children, className = '' }: PanelProps) {
  const id = useId();
  return (
    <section aria-labelledby={id} className={`px-4 py-4 ${className}`}>
      <header className="mb-2 flex min-h-7 flex-wrap items-center gap-x-2 gap-y-1">
        <h2 id={id} className="text-sm font-semibold">
          {title}
        </h2>
        {help}
        {tools ? <div className="ml-auto flex flex-wrap items-center gap-1">{tools}</div> : null}
      </header>
      {reading ? <p className="mb-3 text-xs text-muted">{reading}</p> : null}
      {children}
    </section>
  );
}
