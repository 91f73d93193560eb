/** How far jobs and runs are and how long they will take, from their views alone. Pure. */
import { editsOfJob, type JobState, type JobView, jobRestsOn, type StepPoint } from '@/lib/core/run/index.ts';

export const STATE_WORDS: Readonly<Record<JobState, string>> = {
  queued: 'Queued',
  running: 'Running',
  paused: 'Paused',
  done: 'Done',
  failed: 'Failed',
  cancelled: 'Cancelled',
};

/** As shown: a running job that was asked to pause says so until its checkpoint is stored. */
export const stateWord = (state: JobState, pausing = false): string =>
  pausing && state === 'running' ? 'Pausing' : STATE_WORDS[state];

/** All that still runs was asked to pause. */
export const isPausing = (jobs: readonly JobView[]): boolean => {
  const running = jobs.filter(({ state }) => state === 'running');
  return running.length > 0 && running.every(({ pausing }) => pausing === true);
};

/** Nothing of it will change by itself. */
export const isSettled = (state: JobState): boolean => state === 'done' || state === 'failed' || state === 'cancelled';

export const jobShare = ({ state, step, steps }: JobView): number =>
  state === 'done' ? 1 : steps > 0 ? Math.min(1, step / steps) : 0;

/** Milliseconds until the job has taken its steps at its present pace; null while that is unknown. */
export function jobRemainingMs({ state, step, steps, stepsPerSecond }: JobView): number | null {
  if (state !== 'running' || stepsPerSecond === null || stepsPerSecond <= 0) return null;
  return ((steps - step) / stepsPerSecond) * 1_000;
}

/** Steps taken, of all steps asked for. A fine-tune's step counts as any other. */
export function runShare(jobs: readonly JobView[]): number {
  const all = jobs.reduce((sum, { steps }) => sum + steps, 0);
  const taken = jobs.reduce((sum, job) => sum + jobShare(job) * job.steps, 0);
  return all > 0 ? taken / all : 0;
}

export interface RunRemaining {
  readonly ms: number;
  /** The fine-tune is still to come, and its pace is unknown until it runs. */
  readonly withoutFineTune: boolean;
}

/** Every open interval at the pace of those that run now, together; null while none has a pace. */
export function runRemaining(jobs: readonly JobView[]): RunRemaining | null {
  const running = jobs.filter((job) => jobRemainingMs(job) !== null);
  if (running.length === 0) return null;
  const fineTune = jobs.find(({ kind }) => kind === 'fine-tune');
  const fineTuning = running.some(({ kind }) => kind === 'fine-tune');
  const counted = jobs.filter(({ kind, state }) => (kind === 'fine-tune') === fineTuning && !isSettled(state));
  const open = counted.reduce((sum, { step, steps }) => sum + steps - step, 0);
  const pace = running.reduce((sum, { stepsPerSecond }) => sum + (stepsPerSecond ?? 0), 0);
  // Parallel jobs end together at best: the slowest of those that run sets the least time.
  const longest = Math.max(...running.map((job) => jobRemainingMs(job) ?? 0));
  return {
    ms: Math.max((open / pace) * 1_000, longest),
    withoutFineTune: !fineTuning && fineTune !== undefined && !isSettled(fineTune.state),
  };
}

type Named = Pick<JobView, 'edit' | 'narrow'>;

/** "3–4", "Text 8–10", "FFN 8, image", "Rank 8": short, for rows. */
export const jobName = ({ edit, narrow = [] }: Named): string => {
  if (edit) return `${edit.first}–${edit.last}`;
  const [first] = narrow;
  if (!first) return 'Fine-tune';
  if (first.on === 'text-stream') return `Text ${first.first}–${first.last}`;
  if (first.on === 'ffn') return `FFN ${first.block}, ${first.stream}`;
  const ways = waysOf(narrow).join(' and ');
  return `${ways.charAt(0).toUpperCase()}${ways.slice(1)}`;
};

/** "Interval 3 to 4", "Text group 8 to 10", "Feed-forward 8, image", "Modulation, rank 8", spoken. */
export const jobTitle = ({ edit, narrow = [] }: Named): string => {
  if (edit) return `Interval ${edit.first} to ${edit.last}`;
  const [first] = narrow;
  if (!first) return 'Joint fine-tune';
  if (first.on === 'text-stream') return `Text group ${first.first} to ${first.last}`;
  if (first.on === 'ffn') return `Feed-forward ${first.block}, ${first.stream}`;
  return `Modulation, ${waysOf(narrow).join(' and ')}`;
};

const waysOf = (narrow: NonNullable<JobView['narrow']>): string[] =>
  narrow.flatMap((one) => {
    if (one.on !== 'modulation') return [];
    return 'rank' in one.by ? [`rank ${one.by.rank}`] : [`table of ${one.by.table.length}`];
  });

/** What begins again with the job, as the server has it: what was trained, or is being trained, with its result in place. */
export function begunAgainWith(job: JobView, jobs: readonly JobView[]): readonly JobView[] {
  const edited = (one: JobView) => ({ kind: one.kind, edits: editsOfJob(one) });
  return jobs.filter(
    (other) => jobRestsOn(edited(other), edited(job)) && (other.attempt > 0 || other.state !== 'queued'),
  );
}

/** What a queued job waits for: jobs that it rests on, or a worker that takes it. */
export function waitsWords(job: JobView, jobs: readonly JobView[]): string {
  const edited = (one: JobView) => ({ kind: one.kind, edits: editsOfJob(one) });
  const before = jobs.filter((other) => other.state !== 'done' && jobRestsOn(edited(job), edited(other)));
  const [first] = before;
  if (!first) return 'Waits for a worker';
  return before.length === 1 ? `Waits for ${jobTitle(first)}` : `Waits for ${before.length} jobs that it rests on`;
}

/** What a retry does to the other jobs, in a sentence. */
export function othersWords(job: JobView, jobs: readonly JobView[]): string {
  const names = begunAgainWith(job, jobs).map(jobTitle);
  if (names.length === 0) return 'The other jobs are not touched.';
  const all = new Intl.ListFormat('en-GB').format(names);
  return `${all} ${names.length === 1 ? 'rests' : 'rest'} on it, and ${names.length === 1 ? 'begins' : 'begin'} again too.`;
}

/** Which weights a job that makes blocks narrower has kept; null where there is nothing to tell. */
export const keptWords = ({ kept }: Pick<JobView, 'kept'>): string | null => {
  if (kept === undefined) return null;
  return kept === 'trained'
    ? 'training lowered the held-out error'
    : 'the closed form is kept: training did not lower the held-out error';
};

/**
 * Exponential moving average of the logarithm, weighted as if all steps before the first had been the first few:
 * on a log scale the eye averages logarithms. Zeros and gaps are passed over.
 */
export function smoothed(values: readonly (number | null)[], window: number): (number | null)[] {
  const keep = Math.exp(-1 / Math.max(1, window));
  let sum = 0;
  let weight = 0;
  return values.map((value) => {
    if (value === null || !(value > 0)) return weight > 0 ? Math.exp(sum / weight) : null;
    sum = keep * sum + Math.log(value);
    weight = keep * weight + 1;
    return Math.exp(sum / weight);
  });
}

/** Steps that are averaged over: a thirtieth of the curve, so that long and short curves look alike. */
export const smoothingWindow = (points: readonly StepPoint[]): number => Math.max(3, points.length / 30);
