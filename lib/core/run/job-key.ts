/** What a run's jobs are called. Keys are parts of addresses and of the names of stored files. */
import type { RunEdit, WidthEdit } from '../edit/edit.ts';
import { formatIntervalKey } from '../interval/index.ts';

/** The joint fine-tune, one per run. */
export const FINE_TUNE_KEY = 'fine-tune';
/** All shared modulations of a run, which are one file. */
export const MODULATIONS_KEY = 'modulations';

/** "3-4" for a student, "t8-10" for a text group, "f8-image" for feed-forward layers. */
export function jobKeyOf(edit: RunEdit | WidthEdit): string {
  switch (edit.on) {
    case 'run':
      return formatIntervalKey(edit);
    case 'text-stream':
      return `t${formatIntervalKey(edit)}`;
    case 'ffn':
      return `f${edit.block}-${edit.stream}`;
    case 'modulation':
      return MODULATIONS_KEY;
    default:
      return edit satisfies never;
  }
}
