'use client';
/** Every run on the server; checked ones are compared below. */
import { useEffect, useState } from 'react';
import { useStore } from 'zustand';
import { Button } from '@/components/ui/button';
import { Panel } from '@/components/ui/panel';
import { Progress } from '@/components/ui/progress';
import type { RunSummary } from '@/lib/page/api/run-api.ts';
import { momentWords } from '@/lib/page/browser/number-words.ts';
import { MOST_COMPARED, readCompared, writeCompared } from '@/lib/page/runs/run-compare.ts';
import { runList } from '@/lib/page/runs/runs.ts';
import { RunBar } from '../frame/header-bar';
import { Notices } from '../frame/notices';
import { useNow } from '../frame/use-now';
import { RunStateMark } from '../run/run-state';
import { RunCompare } from './run-compare';

export function RunList() {
  useEffect(() => runList.watch(), []);
  const { answer, problem, lostSinceMs } = useStore(runList.store);
  const [compared, setCompared] = useState<readonly string[]>([]);
  useEffect(() => setCompared(readCompared(new URLSearchParams(window.location.search))), []);
  const compare = (ids: readonly string[]) => {
    setCompared(ids);
    writeCompared(ids);
  };
  const toggle = (id: string) =>
    compare(compared.includes(id) ? compared.filter((other) => other !== id) : [...compared, id]);
  return (
    <>
      <RunBar here="list" />
      <Notices />
      <main className="mx-auto min-h-[calc(100dvh-48px)] max-w-[1440px] divide-y divide-line border-line bg-panel 2xl:border-x">
        <h1 className="sr-only">Distillation runs</h1>
        <Panel
          title="Runs"
          reading={
            answer && answer.length > 0
              ? `${answer.length} ${answer.length === 1 ? 'run' : 'runs'}, newest first. Check up to ${MOST_COMPARED} to compare them.`
              : 'Each run distils one student per interval of a plan.'
          }
          tools={
            <>
              <Lost sinceMs={answer ? lostSinceMs : null} />
              <Button small look="ghost" disabled={compared.length === 0} onClick={() => compare([])}>
                Uncheck all
              </Button>
            </>
          }
        >
          {answer === null ? (
            problem ? (
              <Unreachable message={problem.message} />
            ) : (
              <ListSkeleton />
            )
          ) : answer.length === 0 ? (
            <Empty />
          ) : (
            <RunTable runs={answer} compared={compared} onToggle={toggle} />
          )}
        </Panel>
        {compared.length > 0 ? <RunCompare ids={compared} /> : null}
      </main>
    </>
  );
}

interface RunTableProps {
  runs: readonly RunSummary[];
  compared: readonly string[];
  onToggle: (id: string) => void;
}

function RunTable({ runs, compared, onToggle }: RunTableProps) {
  const sorted = [...runs].sort((a, b) => b.createdAt.localeCompare(a.createdAt));
  return (
    <div className="-mx-4 overflow-x-auto">
      <table className="w-full min-w-[700px] text-xs">
        <caption className="sr-only">Distillation runs</caption>
        <thead className="text-left text-muted">
          <tr className="h-7 border-b border-line">
            <th scope="col" className="w-10 pl-4 font-normal">
              <span className="sr-only">Compare</span>
            </th>
            <th scope="col" className="font-normal">
              Run
            </th>
            <th scope="col" className="w-24 font-normal">
              State
            </th>
            <th scope="col" className="w-40 font-normal lg:w-48">
              Students
            </th>
            <th scope="col" className="w-32 font-normal lg:w-44">
              Model
            </th>
            <th scope="col" className="w-36 pr-4 text-right font-normal">
              Begun
            </th>
          </tr>
        </thead>
        <tbody>
          {sorted.map((run) => (
            <tr key={run.id} className="h-9 border-b border-line last:border-b-0 hover:bg-panel-2">
              <td className="pl-4">
                <input
                  type="checkbox"
                  aria-label={`Compare ${run.name}`}
                  className="block accent-(--accent)"
                  checked={compared.includes(run.id)}
                  disabled={!compared.includes(run.id) && compared.length >= MOST_COMPARED}
                  onChange={() => onToggle(run.id)}
                />
              </td>
              <td className="max-w-0 pr-4">
                <a
                  href={`/runs/${encodeURIComponent(run.id)}`}
                  className="block truncate text-sm font-medium underline-offset-2 hover:underline"
                  title={run.name}
                >
                  {run.name}
                </a>
              </td>
              <td>
                <RunStateMark state={run.state} />
              </td>
              <td>
                <div className="flex items-center gap-3 pr-6">
                  <div className="flex-1">
                    <Progress
                      name={`Students of ${run.name}`}
                      share={run.intervals > 0 ? run.done / run.intervals : 0}
                      text={`${run.done} of ${run.intervals} done`}
                    />
                  </div>
                  <span className="whitespace-nowrap text-muted">
                    {run.done} of {run.intervals}
                  </span>
                </div>
              </td>
              <td className="max-w-0 truncate pr-4 text-muted" title={run.modelName}>
                {run.modelName}
              </td>
              <td className="pr-4 text-right whitespace-nowrap text-muted">{momentWords(Date.parse(run.createdAt))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Empty() {
  return (
    <div className="grid min-h-64 place-content-center justify-items-center gap-2 text-center">
      <p className="font-medium">No run yet</p>
      <p className="max-w-md text-xs text-muted">
        Choose intervals on the analysis page and press Distil, or start one from a terminal:
        <br />
        <code className="text-ink">contigua distil MODEL --plan plan.json</code>
      </p>
      <a href="/" className="mt-1 inline-flex h-8 items-center rounded-md border border-line px-3 hover:bg-panel-2">
        Choose intervals
      </a>
    </div>
  );
}

function Unreachable({ message }: { message: string }) {
  return (
    <div role="alert" className="grid min-h-64 place-content-center justify-items-center gap-2 text-center">
      <p className="font-medium">The runs could not be loaded</p>
      <p className="max-w-md text-xs text-muted">{message}</p>
      <p className="text-xs text-muted">This page asks again every few seconds.</p>
    </div>
  );
}

function ListSkeleton() {
  return (
    <div aria-busy="true" className="min-h-64">
      {[0, 1, 2].map((row) => (
        <div key={row} className="flex h-9 items-center gap-6 border-b border-line">
          <div className="skeleton h-3 w-1/3" />
          <div className="skeleton h-3 w-20" />
          <div className="skeleton h-3 w-32" />
        </div>
      ))}
    </div>
  );
}

function Lost({ sinceMs }: { sinceMs: number | null }) {
  const nowMs = useNow(sinceMs !== null);
  if (sinceMs === null) return null;
  return (
    <span role="status" className="mr-2 text-xs font-medium text-danger">
      Connection lost{nowMs > 0 ? ` ${Math.max(0, Math.round((nowMs - sinceMs) / 1_000))} s ago` : ''}, reconnecting
    </span>
  );
}
