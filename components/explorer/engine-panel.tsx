'use client';
/** The engine pill of the header; details open under it. */
import { lazy, Suspense } from 'react';
import { useStore } from 'zustand';
import { ChevronIcon } from '@/components/ui/icons';
import { Popover } from '@/components/ui/popover';
import { engineWords } from '@/lib/page/browser/engine-words.ts';
import { type EngineState, engineStore } from '@/lib/page/explorer/engine.ts';

/** No part of the first load. */
const EngineDetails = lazy(async () => ({ default: (await import('./engine-details')).EngineDetails }));

export function EnginePanel() {
  const { status, report, silentMs } = useStore(engineStore);
  const words = statusWords({ status, report, silentMs });
  const answers = silentMs === null;
  const dot =
    answers && status === 'ready'
      ? 'bg-well'
      : answers && status === 'starting'
        ? 'border border-line-strong'
        : 'bg-danger';
  return (
    <Popover
      name={`Engine: ${words}`}
      title="Engine"
      panelClass="w-[400px]"
      buttonClass="inline-flex h-7 min-w-0 max-w-[320px] items-center gap-1 rounded-full border border-line bg-panel px-1.5 text-xs hover:bg-panel-2 sm:gap-2 sm:pl-3"
      label={
        <>
          <span aria-hidden className={`size-2 shrink-0 rounded-full ${dot}`} />
          <span className="truncate">
            <span className="max-sm:hidden">Engine: {words}</span>
            {/* On a phone there is room for its name; the rest is in the details. */}
            <span className="sm:hidden">{words.split(' · ')[0]}</span>
          </span>
          <span className="shrink-0 max-sm:hidden">
            <ChevronIcon />
          </span>
        </>
      }
    >
      <Suspense>
        <EngineDetails />
      </Suspense>
    </Popover>
  );
}

function statusWords({ status, report, silentMs }: Pick<EngineState, 'status' | 'report' | 'silentMs'>): string {
  if (silentMs !== null) return 'no answer';
  if (status === 'starting') return 'starting';
  if (status === 'lost') return 'lost';
  return status === 'ready' && report ? `${engineWords(report.name)} · ${report.device}` : 'not running';
}
