/** The state of a run or a job: a shape and a word, never colour alone. */
import type { ReactNode } from 'react';
import type { JobState } from '@/lib/core/run/index.ts';
import { stateWord } from '@/lib/page/run/run-progress.ts';

const SHAPES: Readonly<Record<JobState, ReactNode>> = {
  queued: <circle cx="6" cy="6" r="4" fill="none" stroke="currentColor" strokeWidth="1.5" strokeDasharray="2 1.6" />,
  running: (
    <>
      <circle cx="6" cy="6" r="4" fill="none" stroke="currentColor" strokeWidth="1.5" />
      <path d="M6 2a4 4 0 0 1 0 8z" fill="currentColor" />
    </>
  ),
  paused: <path d="M3.2 2.5h1.8v7H3.2zM7 2.5h1.8v7H7z" fill="currentColor" />,
  done: <path d="m2 6.3 2.6 2.6L10 3.4" fill="none" stroke="currentColor" strokeWidth="1.7" />,
  failed: <path d="M6 1.6 11 10.4H1zM6 4.6v2.6M6 8.7v.4" fill="none" stroke="currentColor" strokeWidth="1.3" />,
  cancelled: <path d="m3 3 6 6M9 3 3 9" fill="none" stroke="currentColor" strokeWidth="1.5" />,
};

export function RunStateMark({ state, pausing }: { state: JobState; pausing?: boolean }) {
  return (
    <span
      className={`inline-flex items-center gap-1.5 text-xs whitespace-nowrap ${state === 'failed' ? 'text-danger' : state === 'running' ? 'text-ink' : 'text-muted'}`}
    >
      <svg aria-hidden="true" width="12" height="12" viewBox="0 0 12 12" className="shrink-0">
        {SHAPES[state]}
      </svg>
      {stateWord(state, pausing)}
    </span>
  );
}
