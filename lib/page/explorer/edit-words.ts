/** Edits in the words of the page: "3–4, 7–9 probes; text 12–14; FFN image 8–9; modulation rank 8". Pure. */
import {
  type Edit,
  type EditSet,
  type FfnEdit,
  formatBlocks,
  type ModulationEdit,
  replacementWord,
  runsOf,
} from '@/lib/core/edit/index.ts';
import type { BlockInterval } from '@/lib/core/interval/index.ts';

export const spanWords = ({ first, last }: BlockInterval): string => `${first}–${last}`;

export function choiceWords(edits: EditSet): string {
  if (edits.length === 0) return 'the whole model';
  const runs = runsOf(edits).map(
    (run) => `${spanWords(run)}${run.by === 'nothing' ? '' : ` ${replacementWord(run.by)}`}`,
  );
  const groups = edits.filter((edit) => edit.on === 'text-stream').map(spanWords);
  const ffns = edits.filter((edit) => edit.on === 'ffn');
  return [
    runs.join(', '),
    groups.length === 0 ? '' : `text ${groups.join(', ')}`,
    ffns.length === 0 ? '' : `FFN ${ffnWords(ffns)}`,
    ...edits.filter((edit) => edit.on === 'modulation').map(modulationWords),
  ]
    .filter((part) => part !== '')
    .join('; ');
}

/** "image 8–9, 12, text 8" */
function ffnWords(ffns: readonly FfnEdit[]): string {
  const streams = [...new Set(ffns.map(({ stream }) => stream))];
  return streams
    .map(
      (stream) => `${stream} ${blocksWords(ffns.filter((edit) => edit.stream === stream).map(({ block }) => block))}`,
    )
    .join(', ');
}

/** "modulation rank 8", "modulation table of 20 timesteps" */
export function modulationWords({ by, blocks }: ModulationEdit): string {
  const way = 'rank' in by ? `rank ${by.rank}` : `table of ${by.table.length} timesteps`;
  return `modulation ${way}${blocks === 'all' ? '' : ` of ${blocksWords(blocks)}`}`;
}

/** One edit, as a row of a table names it. */
export function editWords(edit: Edit): string {
  return edit.on === 'ffn' ? `FFN ${edit.stream} ${edit.block}` : choiceWords([edit]);
}

const blocksWords = (blocks: readonly number[]): string => formatBlocks(blocks, ', ').replaceAll('-', '–');
