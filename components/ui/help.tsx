'use client';
/** The "?" beside a title: one plain explanation of what is shown, which may be loaded when it is opened. */
import { type ReactNode, Suspense } from 'react';
import { Popover } from './popover';

export function Help({ about, children }: { about: string; children: ReactNode }) {
  return (
    <Popover
      name={`What is ${about}?`}
      label="?"
      title={about}
      buttonClass="inline-flex size-5 shrink-0 items-center justify-center rounded-full border border-line text-2xs text-muted hover:bg-panel-2 hover:text-ink"
    >
      <div className="space-y-2 text-sm leading-5 text-ink">
        <Suspense>{children}</Suspense>
      </div>
    </Popover>
  );
}
