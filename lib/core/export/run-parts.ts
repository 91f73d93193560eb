/** What a run trained for edits that make blocks narrower, as parts of an exported model. */
import type { NamedBlob } from '../checkpoint/index.ts';
import { sameEdit } from '../edit/index.ts';
import { ContiguaError } from '../errors.ts';
import type { PlannedWidthEdit } from '../plan/index.ts';
import { apartFrom, jobKeyOf, MODULATIONS_KEY, type RunView } from '../run/index.ts';
import type { NarrowParts } from './trained-model.ts';

/** Edits that make blocks narrower as a plan of the run says them: with the error of the fit that was trained, and not that of the output before it. */
export function trainedNarrow({ jobs, narrow = [] }: Pick<RunView, 'jobs' | 'narrow'>): readonly PlannedWidthEdit[] {
  return narrow.map((edit) => {
    const job = jobs.find((one) => one.narrow?.some((other) => sameEdit(edit, other)));
    return { ...edit, fitError: job?.fitError ?? edit.fitError, outputError: null };
  });
}

/**
 * Those of the jobs in `keys`, which name students too; undefined where there are none. `trained` opens what a job left; a joint
 * fine-tune's file holds all of them. Throws
 * `settings-invalid` for maps that were trained with something in place that is not among the keys.
 */
export async function runParts(
  { jobs, narrow = [] }: Pick<RunView, 'jobs' | 'narrow'>,
  keys: readonly string[],
  trained: (key: string) => Promise<NamedBlob>,
  fineTuned: NamedBlob | null = null,
): Promise<NarrowParts | undefined> {
  const apart = apartFrom(jobs, keys);
  if (apart) {
    throw new ContiguaError('settings-invalid', `${apart.key} was trained with ${apart.without} in place`, {
      found: keys.join(', '),
      expected: `${apart.without} as well, or neither`,
    });
  }
  const edits = narrow.filter((edit) => keys.includes(jobKeyOf(edit)));
  if (edits.length === 0) return undefined;
  const maps: NamedBlob[] = [];
  const mapped = edits.filter(({ on }) => on !== 'modulation');
  if (fineTuned && mapped.length > 0) maps.push(fineTuned);
  else for (const edit of mapped) maps.push(await trained(jobKeyOf(edit)));
  const isShared = edits.some(({ on }) => on === 'modulation');
  return {
    edits: trainedNarrow({ jobs, narrow: edits }),
    maps,
    ...(isShared && { modulations: fineTuned ?? (await trained(MODULATIONS_KEY)) }),
  };
}
