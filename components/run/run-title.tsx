'use client';
/** Which run this is, how far it is and what can be done with it as a whole. */
import { useState } from 'react';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Popover } from '@/components/ui/popover';
import { Progress } from '@/components/ui/progress';
import type { RunView } from '@/lib/core/run/index.ts';
import { countWords, momentWords, remainingWords } from '@/lib/page/browser/number-words.ts';
import { trainedWords } from '@/lib/page/run/plugged.ts';
import type { OpenRun } from '@/lib/page/run/run.ts';
import { isPausing, isSettled, jobShare, runRemaining, runShare } from '@/lib/page/run/run-progress.ts';
import { settingLines } from '@/lib/page/run/run-settings.ts';
import { useNow } from '../frame/use-now';
import { useOpenRun, useRun, useRunPage } from './run-context';
import { RunDownloads } from './run-downloads';
import { RunStateMark } from './run-state';

export function RunTitle() {
  const { open } = useRunPage();
  const view = useRun((run) => run.view);
  const asking = useOpenRun((state) => state.asking);
  const [deleting, setDeleting] = useState(false);
  if (!view) return <TitleSkeleton />;
  const { state, jobs, model } = view;
  const share = runShare(jobs);
  const stops = jobs.some((job) => job.state === 'running' || job.state === 'queued');
  const resumes = jobs.some((job) => job.state === 'paused' || job.pausing);
  return (
    <section aria-label="Run" className="border-b border-line bg-panel px-4 py-4">
      <div className="flex flex-wrap items-start gap-x-4 gap-y-3">
        <div className="min-w-0 flex-1 basis-80">
          <div className="flex items-center gap-3">
            <h1 className="truncate text-base font-semibold" title={view.name}>
              {view.name}
            </h1>
            <RunStateMark state={state} pausing={isPausing(jobs)} />
          </div>
          <p className="mt-0.5 truncate text-xs text-muted">
            {model.name} · {model.numBlocks} blocks, {countWords(model.parameters)} parameters · {intervalsWords(view)}{' '}
            · begun {momentWords(Date.parse(view.createdAt))}
          </p>
        </div>
        {/* Two groups, so that no button is left alone on a line of a narrow page. */}
        <div className="flex flex-wrap gap-2">
          <div className="flex gap-2">
            <RunDownloads />
            <Popover
              name="Settings of this run"
              title="Settings of this run"
              panelClass="w-[440px]"
              label="Settings"
              buttonClass="inline-flex h-8 items-center rounded-md border border-line bg-panel px-3 hover:bg-panel-2"
            >
              <RunSettingsList view={view} />
            </Popover>
          </div>
          <div className="flex gap-2">
            {resumes ? (
              <Button look="primary" disabled={asking} onClick={() => void open.ask((api) => api.resume(open.id))}>
                Resume
              </Button>
            ) : (
              <Button disabled={asking || !stops} onClick={() => void open.ask((api) => api.pause(open.id))}>
                Pause
              </Button>
            )}
            <Button
              disabled={asking || !(stops || resumes)}
              title="Stops the run; what is trained stays, and the rest can be retried"
              onClick={() => void open.ask((api) => api.cancel(open.id))}
            >
              Cancel
            </Button>
            <Button disabled={asking} onClick={() => setDeleting(true)}>
              Delete
            </Button>
          </div>
        </div>
      </div>
      <div className="mt-3">
        <Progress name="Run" share={share} text={headline(view)} />
        <div className="mt-1.5 flex h-4 justify-between gap-4 text-xs text-muted">
          <p className="truncate">{headline(view)}</p>
          <Connection />
        </div>
      </div>
      {deleting ? <DeleteDialog open={open} view={view} onClose={() => setDeleting(false)} /> : null}
    </section>
  );
}

function intervalsWords({ jobs }: RunView): string {
  const intervals = jobs.filter(({ kind }) => kind === 'student').length;
  const narrow = jobs.filter((job) => job.narrow).length;
  const others = narrow > 0 ? `, ${narrow} ${narrow === 1 ? 'edit' : 'edits'} of width` : '';
  const tuned = jobs.some(({ kind }) => kind === 'fine-tune') ? ' and a joint fine-tune' : '';
  return `${intervals} ${intervals === 1 ? 'interval' : 'intervals'}${others}${tuned}`;
}

function headline({ state, jobs }: RunView): string {
  const done = jobs.filter((job) => job.state === 'done').length;
  const failed = jobs.filter((job) => job.state === 'failed').length;
  const parts = [`${Math.floor(runShare(jobs) * 100)} % of all steps`, `${done} of ${jobs.length} done`];
  if (failed > 0) parts.push(`${failed} failed: retry below`);
  if (state === 'running') {
    const left = runRemaining(jobs);
    parts.push(
      left
        ? `about ${remainingWords(left.ms)} left${left.withoutFineTune ? ', then the fine-tune' : ''}`
        : jobs.some((job) => job.state === 'running' && jobShare(job) === 0)
          ? 'preparing'
          : 'estimating',
    );
  }
  if (state === 'queued') parts.push('waits for a worker');
  if (isSettled(state) && state !== 'failed' && done === jobs.length) return `All ${jobs.length} done`;
  return parts.join(' · ');
}

/** Says so when nothing comes from the server, and since when. Its place is kept. */
function Connection() {
  const lostSinceMs = useOpenRun((state) => state.lostSinceMs);
  const read = useOpenRun((state) => state.run !== null);
  const nowMs = useNow(lostSinceMs !== null);
  if (lostSinceMs === null) return <span className="shrink-0">{read ? 'Live' : ''}</span>;
  const seconds = Math.max(0, Math.round((nowMs - lostSinceMs) / 1_000));
  return (
    <span role="status" className="shrink-0 font-medium text-danger">
      Connection lost{nowMs > 0 ? ` ${seconds} s ago` : ''}, reconnecting
    </span>
  );
}

function RunSettingsList({ view }: { view: RunView }) {
  return (
    <>
      <h2 className="text-sm font-semibold">Settings</h2>
      <dl className="mt-2 text-xs">
        {settingLines(view.settings).map(({ name, value }) => (
          <div key={name} className="flex min-h-6 items-center justify-between gap-4">
            <dt className="shrink-0 text-muted">{name}</dt>
            <dd className="min-w-0 text-right break-words">{value}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}

function DeleteDialog({ open, view, onClose }: { open: OpenRun; view: RunView; onClose: () => void }) {
  const asking = useOpenRun((state) => state.asking);
  const trained = trainedWords(view);
  const remove = async () => {
    if (await open.ask((api) => api.remove(open.id))) window.location.assign('/runs');
  };
  return (
    <Dialog
      title={`Delete ${view.name}?`}
      onClose={onClose}
      className="w-[440px]"
      foot={
        <>
          <Button onClick={onClose}>Keep it</Button>
          <Button look="primary" disabled={asking} onClick={() => void remove()}>
            Delete run
          </Button>
        </>
      }
    >
      <p className="text-sm">
        Its curves, checkpoints {trained === '' ? '' : `and what it has trained (${trained}) `}
        are removed from the server. This cannot be undone; downloads that you have taken stay with you.
      </p>
    </Dialog>
  );
}

function TitleSkeleton() {
  return (
    <section aria-label="Run" aria-busy="true" className="border-b border-line bg-panel px-4 py-4">
      <div className="skeleton mt-0.5 h-4 w-56" />
      <div className="skeleton mt-2.5 h-3 w-96 max-w-full" />
      <div className="mt-5 h-1 rounded-full bg-line" />
      <div className="mt-1.5 flex h-4 items-center justify-between">
        <div className="skeleton h-3 w-40" />
        <Connection />
      </div>
    </section>
  );
}
