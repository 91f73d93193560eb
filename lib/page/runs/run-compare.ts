/** Several runs side by side: which ones (in the address), their views and the steps of one interval, read again while any goes on. */
import { asContiguaError, type ContiguaError } from '@/lib/core/errors.ts';
import type { StreamSpec } from '@/lib/core/model/config-index.ts';
import type { RunView, StepPoint } from '@/lib/core/run/index.ts';
import { serverApi } from '../api/api.ts';
import { isSettled } from '../run/run-progress.ts';

/** As many as have a colour and a dash of their own. */
export const MOST_COMPARED = 6;
const PARAM = 'compare';

export function readCompared(params: URLSearchParams): readonly string[] {
  const ids =
    params
      .get(PARAM)
      ?.split(',')
      .filter((id) => /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(id)) ?? [];
  return [...new Set(ids)].slice(0, MOST_COMPARED);
}

export function writeCompared(ids: readonly string[]): void {
  const address = new URL(window.location.href);
  if (ids.length === 0) address.searchParams.delete(PARAM);
  else address.searchParams.set(PARAM, ids.join(','));
  // Commas are as plain in a query as dots are.
  window.history.replaceState(window.history.state, '', address.href.replaceAll('%2C', ','));
}

export interface ComparedRun {
  readonly id: string;
  readonly view: RunView | null;
  readonly problem: ContiguaError | null;
}

/** Keys of the jobs that any of the runs has, those of most runs first, then by depth. */
export function comparableKeys(views: readonly RunView[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const { jobs } of views) for (const { key } of jobs) counts.set(key, (counts.get(key) ?? 0) + 1);
  const depth = (key: string) => (/^\d+/.test(key) ? Number.parseInt(key, 10) : Number.POSITIVE_INFINITY);
  return [...counts.keys()].sort((a, b) => (counts.get(b) ?? 0) - (counts.get(a) ?? 0) || depth(a) - depth(b));
}

/** The streams of every run's model, in the order in which they are declared; of two with one id the first. */
export function comparedStreams(views: readonly RunView[]): readonly StreamSpec[] {
  const all = views.flatMap(({ plan }) => plan.model.streams);
  return all.filter(({ id }, i) => all.findIndex((other) => other.id === id) === i);
}

export async function readRuns(ids: readonly string[]): Promise<readonly ComparedRun[]> {
  const api = await serverApi();
  return Promise.all(
    ids.map(async (id) => {
      try {
        return { id, view: await api.view(id), problem: null };
      } catch (thrown) {
        return { id, view: null, problem: asContiguaError(thrown) };
      }
    }),
  );
}

/** The steps of one job in each run; none where the run has no such job. */
export async function readCurves(
  runs: readonly ComparedRun[],
  key: string,
): Promise<readonly (readonly StepPoint[])[]> {
  const api = await serverApi();
  return Promise.all(
    runs.map(({ id, view }) => (view?.jobs.some((job) => job.key === key) ? api.curve(id, key) : Promise.resolve([]))),
  );
}

export const allSettled = (runs: readonly ComparedRun[]): boolean =>
  runs.every(({ view }) => view?.jobs.every(({ state }) => isSettled(state)) ?? false);
