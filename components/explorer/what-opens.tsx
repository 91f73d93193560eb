'use client';
/** Which models can be opened. The list comes with the readers of files, which are no part of the first load. */
import { lazy, Suspense } from 'react';
import { Popover } from '@/components/ui/popover';

const WhatOpensList = lazy(async () => ({ default: (await import('./what-opens-list')).WhatOpensList }));

export const WhatOpens = () => (
  <Popover
    name="What can be opened?"
    title="What can be opened"
    panelClass="w-[380px]"
    buttonClass="text-2xs text-muted underline decoration-dotted underline-offset-2 hover:text-ink"
    label="What can be opened?"
  >
    <Suspense>
      <WhatOpensList />
    </Suspense>
  </Popover>
);
