'use client';
/** The run that a page is about, for every panel on it. */
import { createContext, useContext } from 'react';
import { useStore } from 'zustand';
import type { StoreApi } from 'zustand/vanilla';
import type { PluggedChoice } from '@/lib/page/run/plugged.ts';
import type { OpenRun, OpenRunState } from '@/lib/page/run/run.ts';
import type { FollowedRun } from '@/lib/page/run/run-events.ts';

export interface RunPageContext {
  readonly open: OpenRun;
  readonly plugged: StoreApi<PluggedChoice>;
}

export const RunContext = createContext<RunPageContext | null>(null);

export function useRunPage(): RunPageContext {
  const page = useContext(RunContext);
  if (!page) throw new Error('A run panel outside of a run page');
  return page;
}

export function useOpenRun<T>(select: (state: OpenRunState) => T): T {
  return useStore(useRunPage().open.store, select);
}

/** Of the run that has been read; panels are drawn once it has. */
export function useRun<T>(select: (run: FollowedRun) => T): T | null {
  return useOpenRun(({ run }) => (run ? select(run) : null));
}
