'use client';
/** One job of a run: how far, how fast, on what, its losses and what its student is worth so far. */
import { memo, useState } from 'react';
import {
  HELD_OUT_TOTAL_HEIGHT,
  HeldOut,
  type LogDomain,
  LossCurve,
  type LossSeries,
} from '@/components/charts/run-charts.ts';
import { Button } from '@/components/ui/button';
import { Popover } from '@/components/ui/popover';
import { Progress } from '@/components/ui/progress';
import type { StreamSpec } from '@/lib/core/model/config-index.ts';
import type { JobView, StepPoint } from '@/lib/core/run/index.ts';
import { engineWords } from '@/lib/page/browser/engine-words.ts';
import { remainingWords } from '@/lib/page/browser/number-words.ts';
import {
  isSettled,
  jobName,
  jobRemainingMs,
  jobShare,
  jobTitle,
  keptWords,
  othersWords,
  waitsWords,
} from '@/lib/page/run/run-progress.ts';
import { useOpenRun, useRun, useRunPage } from './run-context';
import { RunStateMark } from './run-state';

interface RunJobProps {
  job: JobView;
  /** As the model declares them. */
  streams: readonly StreamSpec[];
  points: readonly StepPoint[];
  series: readonly LossSeries[];
  domain: LogDomain | null;
  width: number;
}

const GAP = 32;
/** Below this the two charts lie under one another. */
const SIDE_BY_SIDE = 600;

export const RunJob = memo(function RunJob({ job, streams, points, series, domain, width }: RunJobProps) {
  const title = jobTitle(job);
  const waits = useRun(({ view }) => waitsWords(job, view.jobs)) ?? '';
  const beside = width >= SIDE_BY_SIDE && job.edit !== null;
  const half = beside ? Math.floor((width - GAP) / 2) : width;
  const words = `${job.step.toLocaleString('en-US')} of ${job.steps.toLocaleString('en-US')} steps`;
  return (
    <li aria-label={title} className="px-4 py-3">
      <div className="grid grid-cols-[72px_84px_minmax(60px,1fr)_auto_auto] items-center gap-x-3 gap-y-1 text-xs lg:grid-cols-[88px_84px_minmax(60px,1fr)_112px_92px_104px_auto]">
        <h3 className="text-sm leading-4 font-semibold" title={title}>
          {jobName(job)}
        </h3>
        <RunStateMark state={job.state} pausing={job.pausing} />
        <Progress name={title} share={jobShare(job)} text={words} />
        <span className="text-right whitespace-nowrap" title={words}>
          {job.step.toLocaleString('en-US')} / {job.steps.toLocaleString('en-US')}
        </span>
        <span className="hidden text-right whitespace-nowrap text-muted lg:block">{paceWords(job)}</span>
        <span className="hidden text-right whitespace-nowrap text-muted lg:block">{leftWords(job)}</span>
        <JobMenu job={job} />
      </div>
      <p className="mt-0.5 mb-2 min-h-4 text-2xs text-muted">
        <span className="lg:hidden">{narrowWords(job)}</span>
        {originWords(job, waits)}
      </p>
      {job.error ? (
        <p role="alert" className="mb-2 rounded-md border border-danger bg-danger-soft px-3 py-2 text-xs">
          {job.error}
        </p>
      ) : null}
      <div
        className={beside ? 'grid items-start' : 'space-y-3'}
        style={beside ? { gridTemplateColumns: `${half}px ${half}px`, columnGap: GAP } : undefined}
      >
        <LossCurve
          name={title}
          width={half}
          steps={job.steps}
          series={series}
          domain={domain}
          points={points}
          empty={emptyWords(job, waits)}
        />
        {job.edit ? (
          <div style={{ minHeight: HELD_OUT_TOTAL_HEIGHT }}>
            <HeldOut
              name={title}
              width={half}
              steps={job.steps}
              baselines={job.baselines}
              points={job.heldOut}
              firstBlock={job.edit.first}
              streams={streams}
            />
          </div>
        ) : null}
      </div>
    </li>
  );
});

const paceWords = ({ state, stepsPerSecond }: JobView): string =>
  state !== 'running' ? '' : stepsPerSecond === null ? '' : `${Number(stepsPerSecond.toPrecision(2))} steps/s`;

function leftWords(job: JobView): string {
  if (job.state !== 'running') return '';
  const left = jobRemainingMs(job);
  return left === null ? 'estimating' : `${remainingWords(left)} left`;
}

/** Pace and time left before the origin, where they have no column of their own. */
function narrowWords(job: JobView): string {
  return [paceWords(job), leftWords(job)]
    .filter((words) => words !== '')
    .map((words) => `${words} · `)
    .join('');
}

/** Engine, worker, attempt and what happened on the way, in one line. */
function originWords(job: JobView, waits: string): string {
  const { worker, attempt, startBlock, note, edit, state, pausing } = job;
  const parts: string[] = pausing ? ['Finishes its step and stores a checkpoint, then pauses'] : [];
  if (worker) parts.push(`${engineWords(worker.engine)} · ${worker.device}, worker ${worker.id}`);
  else if (state === 'queued') parts.push(waits);
  if (attempt > 1) parts.push(`attempt ${attempt}`);
  if (startBlock !== null && edit) parts.push(`started from block ${startBlock}`);
  const kept = keptWords(job);
  if (kept) parts.push(kept);
  if (note) parts.push(note);
  return parts.join(' · ');
}

function emptyWords({ state }: JobView, waits: string): string {
  if (state === 'running') return 'Preparing: no step yet.';
  if (state === 'queued') return `${waits}.`;
  return 'No step was taken.';
}

function JobMenu({ job }: { job: JobView }) {
  const { open } = useRunPage();
  const asking = useOpenRun((state) => state.asking);
  const others = useRun(({ view }) => othersWords(job, view.jobs)) ?? '';
  const [afresh, setAfresh] = useState(false);
  const retry = (fromStart: boolean) => void open.ask((api) => api.retry(open.id, job.key, fromStart));
  const canGoOn = job.state === 'failed' || job.state === 'cancelled';
  return (
    <Popover
      name={`Retry ${jobTitle(job).toLowerCase()}`}
      label="Retry"
      disabled={asking || !isSettled(job.state)}
      panelClass="w-72"
      buttonClass="inline-flex h-7 items-center rounded-md border border-transparent px-2 text-xs text-muted hover:bg-panel-2 hover:text-ink disabled:pointer-events-none disabled:opacity-45"
    >
      <div className="space-y-2 text-xs">
        {canGoOn ? (
          <>
            <Button small className="w-full" onClick={() => retry(false)}>
              Resume from the last checkpoint
            </Button>
            <Button small className="w-full" onClick={() => retry(true)}>
              Begin afresh
            </Button>
            <p className="text-muted">Starting over discards its steps so far. {others}</p>
          </>
        ) : (
          <>
            <p className="text-muted">
              It is finished. Training it again replaces its result, and every subset with it is measured again.{' '}
              {others}
            </p>
            <label className="flex items-center gap-2">
              <input type="checkbox" checked={afresh} onChange={(event) => setAfresh(event.target.checked)} />
              Yes, train it again
            </label>
            <Button small className="w-full" disabled={!afresh} onClick={() => retry(true)}>
              Begin afresh
            </Button>
          </>
        )}
      </div>
    </Popover>
  );
}
