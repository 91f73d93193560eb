/**
 * Edits as the page makes them. It can leave the later blocks of a run out, or put linear probes or one linear map in their
 * place; students are trained by runs of the server. Pure.
 */
import { mappedRuns, type RunEdit, type RunReplacement, type RunSet, runEdit } from '@/lib/core/edit/index.ts';
import { formatIntervalParam } from '@/lib/core/interval/index.ts';
import type { MadeOf } from './made-of.ts';

export type PageReplacement = Exclude<RunReplacement, 'student'>;
export const PAGE_REPLACEMENTS: readonly PageReplacement[] = ['nothing', 'probes', 'linear'];
export type PageEdit = RunEdit & { readonly by: PageReplacement };

/** With the blocks just removed where a student stood: neither a plan nor a link holds its weights. */
export function pageEdits(edits: RunSet): readonly PageEdit[] {
  return edits.map((edit) => {
    const by = edit.by === 'student' ? 'nothing' : edit.by;
    return { ...runEdit(edit, by), by };
  });
}

/** What replaces every run; null where runs differ, or there is none. */
export function commonReplacement(edits: RunSet): PageReplacement | null {
  const [first, ...others] = pageEdits(edits);
  return first && others.every(({ by }) => by === first.by) ? first.by : null;
}

export const needsProbes = (edits: RunSet): boolean => mappedRuns(edits).length > 0;

/** What a result says that it was made of. */
export const editsMadeOf = (edits: readonly PageEdit[]): MadeOf => ({
  'choice of blocks': formatIntervalParam(edits),
  replacement: edits.map(({ by }) => by).join('.'),
});
