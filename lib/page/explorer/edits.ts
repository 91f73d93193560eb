/**
 * Edits as the page makes them. It can leave the later blocks of a run out, put linear probes or one linear map in their
 * place, and make blocks narrower; students are trained by runs of the server. Pure.
 */
import {
  type EditSet,
  ffnEdit,
  formatEditParam,
  mappedRuns,
  modulationEdit,
  type RunEdit,
  type RunReplacement,
  type RunSet,
  runEdit,
  runsOf,
  textStreamEdit,
  type WidthEdit,
} from '@/lib/core/edit/index.ts';
import { formatIntervalParam } from '@/lib/core/interval/index.ts';
import type { MadeOf } from './made-of.ts';

export type PageReplacement = Exclude<RunReplacement, 'student'>;
export const PAGE_REPLACEMENTS: readonly PageReplacement[] = ['nothing', 'probes', 'linear'];
export type PageRun = RunEdit & { readonly by: PageReplacement };
export type PageEdit = PageRun | WidthEdit;

/** With the blocks just removed where a student stood: neither a plan nor a link holds its weights. */
export function pageRuns(edits: RunSet): readonly PageRun[] {
  return edits.map((edit) => {
    const by = edit.by === 'student' ? 'nothing' : edit.by;
    return { ...runEdit(edit, by), by };
  });
}

/** The same for edits of every kind, which keep nothing but the edit itself. */
export function pageEdits(edits: EditSet): readonly PageEdit[] {
  return edits.flatMap((edit): readonly PageEdit[] => {
    switch (edit.on) {
      case 'run':
        return pageRuns([edit]);
      case 'text-stream':
        return [textStreamEdit(edit)];
      case 'ffn':
        return [ffnEdit(edit.block, edit.stream)];
      case 'modulation':
        return [modulationEdit(edit.by, edit.blocks)];
      default:
        return edit satisfies never;
    }
  });
}

/** What replaces every run; null where runs differ, or there is none. */
export function commonReplacement(edits: EditSet): PageReplacement | null {
  const [first, ...others] = pageRuns(runsOf(edits));
  return first && others.every(({ by }) => by === first.by) ? first.by : null;
}

/** Why neither output error, forward time nor pictures of a choice can be measured, in a few words; null where they can. */
export function whyNotMeasured(edits: EditSet): string | null {
  const isTable = edits.some((edit) => edit.on === 'modulation' && 'table' in edit.by);
  return isTable ? 'not measured of a table of modulations, which takes no timesteps but its own' : null;
}

/** Whether the edits put something in place that is fitted on the states of an analysis. */
export const needsProbes = (edits: EditSet): boolean =>
  mappedRuns(edits).length > 0 || edits.some(({ on }) => on === 'text-stream' || on === 'ffn');

export function narrowerOf(edits: EditSet): WidthEdit[] {
  return edits.filter((edit) => edit.on !== 'run');
}

/** What a result says that it was made of. */
export const editsMadeOf = (edits: readonly PageEdit[]): MadeOf => ({
  'choice of blocks': formatIntervalParam(runsOf(edits)),
  replacement: runsOf(edits)
    .map(({ by }) => by)
    .join('.'),
  'narrower blocks': formatEditParam(narrowerOf(edits), 'nothing'),
});
