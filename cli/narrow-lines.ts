/** What a plan says of blocks that become narrower: how many, what is left, and whether the output was measured with them. */
import { narrowedBlocks } from '../lib/core/edit/index.ts';
import type { Plan } from '../lib/core/plan/index.ts';

/** "60 → 35 blocks", with the parameters where no other line tells them. */
export function blocksLine({ blocks, edits, parameters }: Plan): string {
  const line = `${blocks.before} → ${blocks.after} blocks`;
  return edits.some(({ on }) => on !== 'run') ? line : `${line}, ${parametersWords(parameters)}`;
}

function parametersWords({ before, after }: Plan['parameters']): string {
  return `${[before, after].map((n) => n.toLocaleString('en-US')).join(' → ')} parameters`;
}

/** Lines for people; none where no block becomes narrower. `isTold`: what the edits do to the output is said elsewhere. */
export function narrowLines({ edits, parameters, model, choice }: Plan, isTold: boolean): string[] {
  if (edits.every(({ on }) => on === 'run')) return [];
  const narrowed = narrowedBlocks(edits, model.numBlocks).length;
  const line = `${narrowed} ${narrowed === 1 ? 'block' : 'blocks'} narrower, ${parametersWords(parameters)}`;
  // Tables are exact at their timesteps and refuse others.
  const isExact = edits.every((edit) => edit.on === 'modulation' && 'table' in edit.by);
  if (isTold || choice || isExact) return [line];
  const canMeasure = edits.every((edit) => edit.on !== 'modulation' || 'rank' in edit.by);
  const advice = canMeasure ? '; `--measure` does it.' : '.';
  return [line, `What these edits do to the output of ${model.name} is not measured${advice}`];
}
