/**
 * The jobs that a run's edits make, and which waits for which: a student for every run of blocks, maps for every text group and every
 * feed-forward edit, all shared modulations together, and at the end the joint fine-tune.
 */
import { type Edit, type RunEdit, restsOn, type WidthEdit } from '../edit/index.ts';
import { jobKeyOf } from './job-key.ts';
import type { JobView } from './view.ts';

/** A job by the edits that it trains; the fine-tune has none. */
export interface PlannedJob {
  readonly key: string;
  readonly kind: 'student' | 'maps' | 'modulations';
  readonly edits: readonly Edit[];
}

/** In the order in which they can be trained one after the other. */
export function plannedJobs(runs: readonly RunEdit[], narrow: readonly WidthEdit[]): PlannedJob[] {
  const modulations = narrow.filter(({ on }) => on === 'modulation');
  return [
    ...runs.map((edit): PlannedJob => ({ key: jobKeyOf(edit), kind: 'student', edits: [edit] })),
    ...narrow
      .filter(({ on }) => on !== 'modulation')
      .map((edit): PlannedJob => ({ key: jobKeyOf(edit), kind: 'maps', edits: [edit] })),
    ...(modulations.length > 0
      ? [{ key: jobKeyOf(modulations[0]!), kind: 'modulations', edits: modulations } as const]
      : []),
  ];
}

/** Of jobs of one run, by the edits that they train; a job without edits is the fine-tune, which rests on all others. */
export function jobRestsOn(
  job: { readonly kind: string; readonly edits: readonly Edit[] },
  other: { readonly kind: string; readonly edits: readonly Edit[] },
): boolean {
  if (job.kind === 'fine-tune') return other.kind !== 'fine-tune' && other.kind !== 'measure';
  return job.edits.some((edit) => other.edits.some((one) => restsOn(edit, one)));
}

/** The edits that a job trains; none for the fine-tune. */
export function editsOfJob({ edit, narrow = [] }: Pick<JobView, 'edit' | 'narrow'>): readonly Edit[] {
  return edit ? [edit] : narrow;
}

/**
 * Of jobs whose results are to be in one model, the first that was trained with another one in place which is not to be there; null
 * where all go together.
 */
export function apartFrom(
  jobs: readonly Pick<JobView, 'key' | 'kind' | 'edit' | 'narrow'>[],
  keys: readonly string[],
): { readonly key: string; readonly without: string } | null {
  const all = jobs.map((job) => ({ ...job, edits: editsOfJob(job) })).filter(({ kind }) => kind !== 'fine-tune');
  for (const job of all.filter(({ key }) => keys.includes(key))) {
    const without = all.find((other) => jobRestsOn(job, other) && !keys.includes(other.key));
    if (without) return { key: job.key, without: without.key };
  }
  return null;
}

/** Keys of jobs that are done, but for the fine-tune: what a model has by default. */
export function doneKeys(jobs: readonly JobView[]): string[] {
  return jobs.filter(({ kind, state }) => kind !== 'fine-tune' && state === 'done').map(({ key }) => key);
}
