/** How much a joint fine-tune trains (lib/core/distil/fine-tune.ts), from the config alone. */
import { type EditSet, runsOf } from '../edit/edit.ts';
import { type ModelConfig, parametersOf } from './architecture.ts';
import { architectureOf, blockAt } from './counts.ts';
import { editedModel } from './edited.ts';

/**
 * Students or all blocks that are left, in either case with linear maps and with basis, directions and mean of modulations by rank.
 * Modulation matrices are trained whole: sharing and linear feed-forward layers cut them down in exports only. `edits` are a valid set.
 */
export function tunedParameters(config: ModelConfig, edits: EditSet, train: 'all' | 'students'): number {
  const architecture = architectureOf(config);
  const students = new Set(runsOf(edits).map(({ first }) => first));
  const ranks = edits.flatMap((edit) => (edit.on === 'modulation' && 'rank' in edit.by ? [edit.by.rank] : []));
  let sum = ranks.reduce((total, rank) => total + (2 * rank + 1) * config.width, 0);
  const { blocks } = editedModel(
    config,
    edits.filter(({ on }) => on !== 'modulation'),
  );
  for (const { old, tensors } of blocks) {
    const own = new Map(blockAt(architecture, old).tensors.map((tensor) => [tensor.name, tensor]));
    const isTrained = train === 'all' || students.has(old);
    sum += parametersOf(
      tensors.flatMap((tensor) => {
        const whole = own.get(tensor.name);
        if (!whole) return [tensor];
        return isTrained ? [whole] : [];
      }),
    );
  }
  return sum;
}
