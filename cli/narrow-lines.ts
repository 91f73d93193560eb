/** What a plan says of blocks that become narrower: how many, what is left, and whether the output was measured with them. */
import { type EditSet, narrowedBlocks } from '../lib/core/edit/index.ts';
import type { Plan } from '../lib/core/plan/index.ts';

/** Lines for people; none where no block becomes narrower. `isTold`: what the edits do to the output is said elsewhere. */
export function narrowLines({ edits, parameters, model, choice }: Plan, isTold: boolean): string[] {
  if (edits.every(({ on }) => on === 'run')) return [];
  const narrowed = narrowedBlocks(edits, model.numBlocks).length;
  const numbers = [parameters.before, parameters.after].map((n) => n.toLocaleString('en-US'));
  const line = `${narrowed} ${narrowed === 1 ? 'block' : 'blocks'} narrower, ${numbers.join(' → ')} parameters`;
  // Tables are exact at their timesteps and refuse others.
  const isExact = edits.every((edit) => edit.on === 'modulation' && 'table' in edit.by);
  if (isTold || choice || isExact) return [line];
  const options = measuringOptions(edits);
  const advice = options === null ? '.' : `; \`${options}\` does it.`;
  return [line, `What these edits do to the output of ${model.name} is not measured${advice}`];
}

/** What measures these edits; null where nothing does yet. */
function measuringOptions(edits: EditSet): string | null {
  if (edits.every(({ on }) => on !== 'modulation')) return '--measure';
  const [only, ...others] = edits;
  if (others.length > 0 || only?.on !== 'modulation' || only.blocks !== 'all' || !('rank' in only.by)) return null;
  return `--modulation ${only.by.rank} --measure`;
}
