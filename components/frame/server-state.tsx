'use client';
/** The server's pill and what opens under it: its workers with their engines and why, its queue, and where things are kept. */
import { useEffect } from 'react';
import { useStore } from 'zustand';
import { Fact } from '@/components/ui/fact';
import { ChevronIcon } from '@/components/ui/icons';
import { Popover } from '@/components/ui/popover';
import type { ServerStatus } from '@/lib/page/api/run-api.ts';
import { engineWords } from '@/lib/page/browser/engine-words.ts';
import { bytesWords, remainingWords } from '@/lib/page/browser/number-words.ts';
import { serverStatus } from '@/lib/page/runs/runs.ts';
import { useNow } from './use-now';

type Worker = ServerStatus['workers'][number];

export function RunServer() {
  useEffect(() => serverStatus.watch(), []);
  const { answer, problem, lostSinceMs } = useStore(serverStatus.store);
  const alive = answer?.workers.filter((worker) => worker.alive) ?? [];
  const words = lostSinceMs !== null ? 'not reachable' : !answer ? 'connecting' : workersWords(alive.length);
  const well = lostSinceMs === null && alive.length > 0;
  return (
    <Popover
      name={`Server: ${words}`}
      title="Server"
      panelClass="w-[440px]"
      buttonClass="inline-flex h-7 shrink-0 items-center gap-2 rounded-full border border-line bg-panel pr-1.5 pl-3 text-xs hover:bg-panel-2"
      label={
        <>
          <span
            aria-hidden
            className={`size-2 shrink-0 rounded-full ${well ? 'bg-well' : answer || problem ? 'bg-danger' : 'border border-line-strong'}`}
          />
          <span className="truncate">
            <span className="hidden sm:inline">Server: </span>
            {words}
          </span>
          <ChevronIcon />
        </>
      }
    >
      <h2 className="text-sm font-semibold">Server</h2>
      {problem ? <p className="mt-1 text-xs text-danger">{problem.message}</p> : null}
      {answer ? (
        <>
          <dl className="mt-2 text-xs">
            <Fact name="Database" value={answer.database} title={answer.database} />
            <Fact name="Artifacts" value={answer.artifacts} title={answer.artifacts} />
            <Fact name="Free disk" value={bytesWords(answer.freeDiskBytes)} />
            <Fact name="Waiting in the queue" value={jobsWords(answer.queued)} />
          </dl>
          <h3 className="mt-3 border-t border-line pt-3 text-xs font-semibold">Workers</h3>
          {answer.workers.length === 0 ? (
            <p className="mt-1 text-xs text-muted">
              None. Runs wait in the queue until a worker takes them; npm start brings one, npm run worker another.
            </p>
          ) : (
            <ul className="mt-2 space-y-3">
              {answer.workers.map((worker) => (
                <WorkerEntry key={worker.id} worker={worker} />
              ))}
            </ul>
          )}
        </>
      ) : problem ? null : (
        <p className="mt-1 text-xs text-muted">Asking the server.</p>
      )}
    </Popover>
  );
}

function WorkerEntry({ worker }: { worker: Worker }) {
  const nowMs = useNow(!worker.alive);
  const gone = nowMs > 0 ? remainingWords(nowMs - Date.parse(worker.seenAt)) : null;
  return (
    <li>
      <div className="flex items-baseline justify-between gap-3">
        <p className="min-w-0 truncate font-medium">
          {engineWords(worker.engine)}
          {worker.device ? <span className="font-normal text-muted"> · {worker.device}</span> : null}
        </p>
        <span
          className={`shrink-0 rounded-full border px-2 text-2xs ${worker.alive ? 'border-line text-muted' : 'border-danger text-danger'}`}
        >
          {worker.alive
            ? `${worker.jobs.length} of ${worker.slots} ${worker.slots === 1 ? 'slot' : 'slots'} busy`
            : gone
              ? `not seen for ${gone}`
              : 'not seen'}
        </span>
      </div>
      <p className="text-xs text-muted">{worker.why}</p>
      <p className="text-2xs text-muted">
        {worker.host} · {worker.id}
        {worker.jobs.length > 0 ? ` · works on ${worker.jobs.map(({ key }) => jobWords(key)).join(', ')}` : ''}
      </p>
      <details className="mt-1 text-xs">
        <summary className="w-fit rounded text-muted hover:text-ink">Engines found</summary>
        <ul className="mt-1 space-y-1">
          {worker.candidates.map(({ name, available, reason }) => (
            <li key={name} className="grid grid-cols-[92px_minmax(0,1fr)] gap-2">
              <span className={available ? '' : 'text-muted'}>{engineWords(name)}</span>
              <span className="text-muted">
                {available ? '' : 'no: '}
                {reason}
              </span>
            </li>
          ))}
        </ul>
      </details>
    </li>
  );
}

const workersWords = (count: number): string =>
  count === 0 ? 'no worker' : count === 1 ? '1 worker' : `${count} workers`;
const jobsWords = (count: number): string => (count === 1 ? '1 job' : `${count} jobs`);
/** "3-4", "fine-tune", "measure 3-4+9-10". */
const jobWords = (key: string): string =>
  key
    .replaceAll(/(\d)-(\d)/g, '$1–$2')
    .replaceAll('+', ' + ')
    .trim();
