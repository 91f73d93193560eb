'use client';
/**
 * One run: what it is and how far (above), each interval's training (left), and what the students give when plugged in
 * (right). The right column scrolls on its own from 1280 px on; below, it follows the intervals.
 */
import { useEffect, useState } from 'react';
import { measureWhenRested } from '@/lib/page/run/measure-subsets.ts';
import { followPlugged, pluggedStore } from '@/lib/page/run/plugged-address.ts';
import { openRun } from '@/lib/page/run/run.ts';
import { RunBar } from '../frame/header-bar';
import { Notices } from '../frame/notices';
import { RunContext, type RunPageContext, useOpenRun, useRun } from './run-context';
import { RunHeldOut } from './run-held-out';
import { RunIntervals } from './run-intervals';
import { RunPareto } from './run-pareto';
import { RunPictures } from './run-pictures';
import { RunPlug } from './run-plug';
import { RunTitle } from './run-title';

const SIDE = 'xl:sticky xl:top-12 xl:h-[calc(100dvh-48px)] xl:overflow-y-auto bg-panel';

export function RunPage({ id }: { id: string }) {
  const [page] = useState<RunPageContext>(() => ({ open: openRun(id), plugged: pluggedStore() }));
  useEffect(() => {
    const stops = [followPlugged(page.plugged), measureWhenRested(page.open, page.plugged), page.open.follow()];
    return () => {
      for (const stop of stops) stop();
    };
  }, [page]);
  return (
    <RunContext value={page}>
      <Bar />
      <Notices />
      <Content />
    </RunContext>
  );
}

function Bar() {
  const name = useRun((run) => run.view.name);
  useEffect(() => {
    if (name) document.title = `${name} · Contigua`;
  }, [name]);
  return <RunBar here="run">{name}</RunBar>;
}

function Content() {
  const refused = useOpenRun((state) => state.refused);
  if (refused) {
    return (
      <main className="grid min-h-[calc(100dvh-48px)] place-content-center gap-2 p-8 text-center">
        <h1 className="text-base font-semibold">{refused.summary}</h1>
        <p className="max-w-prose text-muted">{refused.message}</p>
        <a href="/runs" className="mt-1 justify-self-center rounded-md border border-line px-3 py-1.5 hover:bg-panel-2">
          All runs
        </a>
      </main>
    );
  }
  return (
    <main className="grid grid-cols-1 xl:grid-cols-[minmax(0,1fr)_376px] 2xl:grid-cols-[minmax(0,1fr)_440px]">
      <div className="min-w-0 divide-y divide-line bg-panel">
        <RunTitle />
        <RunIntervals />
        <RunHeldOut />
      </div>
      <div
        className={`${SIDE} border-t border-line md:grid md:grid-cols-2 xl:block xl:divide-y xl:divide-line xl:border-t-0 xl:border-l`}
      >
        <RunPlug />
        <RunPareto />
        <div className="md:col-span-2 md:border-t md:border-line xl:border-t-0">
          <RunPictures />
        </div>
      </div>
    </main>
  );
}
