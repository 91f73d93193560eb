'use client';
/**
 * The one screen, left to right: what the model is, where it is redundant, what is taken out and what that gives. Side
 * columns scroll on their own from 1280 px on. Below, everything stacks in the order of the work: the model, the charts, the
 * plan, and last how far scores and choices can be trusted.
 */
import { lazy, Suspense, useEffect } from 'react';
import { busyStore, isAnalysing } from '@/lib/page/explorer/compute.ts';
import { choose, watchGestures } from '@/lib/page/explorer/selection.ts';
import { startSession } from '@/lib/page/explorer/start-and-switch.ts';
import { Notices } from '../frame/notices';
import { CapturePanel } from './capture-panel';
import { Charts, Evidence } from './centre-column';
import { DropZone } from './drop-zone';
import { ExportPanel } from './export-panel';
import { Header } from './header';
import { IntervalPanel } from './interval-panel';
import { ModelPanel } from './model-panel';
import { PlanPanel } from './plan-panel';
import { PreviewPanel } from './preview-panel';

/** They need the config readers of all families: no part of the first load. */
const NarrowerPanel = lazy(async () => ({ default: (await import('./narrower-panel')).NarrowerPanel }));
const ModulationPanel = lazy(async () => ({ default: (await import('./modulation-panel')).ModulationPanel }));

/** Beside both parts of the centre column. */
const SIDE = 'xl:row-span-2 xl:sticky xl:top-12 xl:h-[calc(100dvh-48px)] xl:overflow-y-auto bg-panel';

export function Dashboard() {
  useEffect(() => {
    void startSession();
    return watchGestures(window);
  }, []);
  useShortcuts();
  useLeaveGuard();
  return (
    <>
      <Header />
      <Notices overCharts />
      <main className="grid grid-cols-1 md:grid-cols-[minmax(0,1fr)_minmax(0,1fr)] xl:grid-cols-[248px_minmax(0,1fr)_320px] xl:grid-rows-[auto_1fr] 2xl:grid-cols-[272px_minmax(0,1fr)_376px]">
        <div
          className={`${SIDE} divide-y divide-line border-line md:col-span-2 md:grid md:grid-cols-2 md:divide-x md:divide-y-0 md:border-b xl:col-span-1 xl:block xl:divide-x-0 xl:divide-y xl:border-r xl:border-b-0`}
        >
          <ModelPanel />
          <CapturePanel />
        </div>
        <div className="min-w-0 bg-panel md:col-span-2 xl:col-span-1">
          <Charts />
        </div>
        <div
          data-column
          className={`${SIDE} flex flex-col border-line md:col-span-2 md:border-t xl:col-span-1 xl:border-t-0 xl:border-l`}
        >
          <div className="flex-1 divide-y divide-line md:grid md:grid-cols-2 md:divide-x md:divide-y-0 xl:block xl:divide-x-0 xl:divide-y">
            <PlanPanel />
            <IntervalPanel />
            <div className="md:border-t md:border-line xl:border-t-0">
              <Suspense fallback={<div className="h-96" />}>
                <NarrowerPanel />
              </Suspense>
            </div>
            <div className="md:border-t md:border-line xl:border-t-0">
              <Suspense fallback={<div className="h-60" />}>
                <ModulationPanel />
              </Suspense>
            </div>
            <div className="md:col-span-2 md:border-t md:border-line xl:border-t-0">
              <PreviewPanel />
            </div>
          </div>
          <ExportPanel />
        </div>
        <div className="min-w-0 bg-panel md:col-span-2 xl:col-span-1 xl:col-start-2">
          <Evidence />
        </div>
      </main>
      <DropZone />
    </>
  );
}

/** Undo and redo everywhere but in text fields, which have their own. */
function useShortcuts() {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      const inText =
        event.target instanceof HTMLElement &&
        event.target.matches('input:not([type=range]):not([type=radio]), textarea');
      if (inText || !(event.ctrlKey || event.metaKey) || event.altKey) return;
      const key = event.key.toLowerCase();
      if (key === 'z' || key === 'y') {
        event.preventDefault();
        choose({ type: key === 'y' || event.shiftKey ? 'redo' : 'undo' });
      }
    };
    window.addEventListener('keydown', onKeyDown);
    return () => window.removeEventListener('keydown', onKeyDown);
  }, []);
}

/** Leaving while an analysis or a drawing runs asks first. */
function useLeaveGuard() {
  useEffect(() => {
    const onLeave = (event: BeforeUnloadEvent) => {
      const { tasks } = busyStore.getState();
      if (isAnalysing({ tasks }) || tasks.includes('draw')) event.preventDefault();
    };
    window.addEventListener('beforeunload', onLeave);
    return () => window.removeEventListener('beforeunload', onLeave);
  }, []);
}
