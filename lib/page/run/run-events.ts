/**
 * A run as the page follows it: the server's view, moved on by the events that come after it. Pure; what an event does
 * not touch keeps its identity, so that only its row is drawn anew. An event that comes twice changes nothing.
 */
import {
  type JobView,
  type RunEvent,
  type RunView,
  type StepPoint,
  type SubsetView,
  subsetKey,
} from '@/lib/core/run/index.ts';

/** A subset that is being measured: steps of that work done, of how many. */
export interface Measuring {
  readonly done: number;
  readonly total: number;
  /** Why it ended without a result; null while it goes on. */
  readonly error: string | null;
}

export interface FollowedRun {
  readonly view: RunView;
  /** By job; a job whose steps have not been read yet has none. */
  readonly curves: Readonly<Record<string, readonly StepPoint[]>>;
  /** By `subsetKey`; gone once the result is there. */
  readonly measuring: Readonly<Record<string, Measuring>>;
}

export function followedFrom(view: RunView, curves: FollowedRun['curves'] = {}): FollowedRun {
  return { view, curves, measuring: {} };
}

export type Subset = Pick<SubsetView, 'plugged' | 'fineTuned'>;

export function foldEvent(run: FollowedRun, id: number, event: RunEvent): FollowedRun {
  if (id <= run.view.lastEventId) return run;
  const next = applied(run, event);
  return { ...next, view: { ...next.view, lastEventId: id } };
}

function applied(run: FollowedRun, event: RunEvent): FollowedRun {
  switch (event.type) {
    case 'run':
      return { ...run, view: { ...run.view, state: event.state } };
    case 'job':
      return withJob(run, event.job);
    case 'steps':
      return withSteps(run, event.key, event.points);
    case 'subset':
      return withSubset(run, event.subset);
    case 'measuring': {
      const { plugged, fineTuned = false, done, total, error = null } = event;
      return { ...run, measuring: { ...run.measuring, [subsetKey({ plugged, fineTuned })]: { done, total, error } } };
    }
    default:
      return event satisfies never;
  }
}

function withJob(run: FollowedRun, job: JobView): FollowedRun {
  const before = run.view.jobs.find(({ key }) => key === job.key);
  // A job keeps its place: the server names choices by the order of their jobs.
  const jobs = before
    ? run.view.jobs.map((other) => (other.key === job.key ? job : other))
    : [...run.view.jobs, job].sort((a, b) => depthOf(a) - depthOf(b));
  const moved = { ...run, view: { ...run.view, jobs } };
  // Begun again, from a checkpoint or afresh: the steps after it have not happened, and what was measured with the
  // student that it replaces is no longer true.
  if (!before || job.attempt === before.attempt) return moved;
  const subsets = moved.view.subsets.filter(({ plugged, fineTuned }) => !fineTuned && !plugged.includes(job.key));
  const view = subsets.length === moved.view.subsets.length ? moved.view : { ...moved.view, subsets };
  return { ...moved, view, curves: { ...run.curves, [job.key]: stepsBefore(run.curves[job.key] ?? [], job.step + 1) } };
}

/** Students in order of depth, all others after them in the order that they have. */
const depthOf = ({ edit }: JobView): number => edit?.first ?? Number.POSITIVE_INFINITY;

const stepsBefore = (points: readonly StepPoint[], step: number): readonly StepPoint[] =>
  points.at(-1) === undefined || points[points.length - 1]!.step < step ? points : points.filter((p) => p.step < step);

function withSteps(run: FollowedRun, key: string, points: readonly StepPoint[]): FollowedRun {
  const [first] = points;
  const last = points.at(-1);
  if (!first || !last) return run;
  const curve = [...stepsBefore(run.curves[key] ?? [], first.step), ...points];
  const jobs = run.view.jobs.map((job) =>
    job.key === key && job.state === 'running' ? { ...job, step: last.step } : job,
  );
  return { ...run, view: { ...run.view, jobs }, curves: { ...run.curves, [key]: curve } };
}

function withSubset(run: FollowedRun, subset: SubsetView): FollowedRun {
  const key = subsetKey(subset);
  const others = run.view.subsets.filter((other) => subsetKey(other) !== key);
  const { [key]: _, ...measuring } = run.measuring;
  return { ...run, view: { ...run.view, subsets: [...others, subset] }, measuring };
}

/** A measurement that was asked for and of which nothing has been heard: 0 of 0; with an error, one that was refused. */
export function withAsked(run: FollowedRun, subset: Subset, error: string | null = null): FollowedRun {
  return { ...run, measuring: { ...run.measuring, [subsetKey(subset)]: { done: 0, total: 0, error } } };
}

/** The stored steps of one job, read while events went on coming: those that came since stay behind them. */
export function withCurve(run: FollowedRun, key: string, stored: readonly StepPoint[]): FollowedRun {
  const last = stored.at(-1)?.step ?? 0;
  const since = (run.curves[key] ?? []).filter(({ step }) => step > last);
  return { ...run, curves: { ...run.curves, [key]: [...stored, ...since] } };
}
