/** Errors of shared modulations by rank, as edits of a plan take them: a fit looks at the leading directions of a wide model alone. */
import { type EditSet, editKey } from '../edit/index.ts';

/** `errors` by rank from 0. Ranks above the last leave as much as the last; undefined where `errors` is empty. */
export function errorAtRank(errors: ArrayLike<number>, rank: number): number | undefined {
  return errors[Math.min(rank, errors.length - 1)];
}

/** Of the edits that share modulations by rank, by `editKey`: the error of that rank over all blocks. */
export function rankFitErrors(edits: EditSet, errors: ArrayLike<number>): ReadonlyMap<string, number> {
  return new Map(
    edits.flatMap((edit): [string, number][] => {
      const error = edit.on === 'modulation' && 'rank' in edit.by ? errorAtRank(errors, edit.by.rank) : undefined;
      return error === undefined ? [] : [[editKey(edit), error]];
    }),
  );
}
