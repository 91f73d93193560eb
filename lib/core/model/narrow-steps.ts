/**
 * The steps of a model that width edits make narrower. A group's first block hands its modulated text on; the blocks after it
 * attend to projections of it, and linear maps stand for feed-forward layers.
 */
import { type EditSet, runsOf } from '../edit/edit.ts';
import { removedBlocks } from '../interval/interval-set.ts';
import type { Architecture } from './architecture.ts';
import { type BlockForm, type FormMap, formMaps } from './block-form.ts';
import { blockAt } from './counts.ts';
import { formsOf } from './edited.ts';
import type { BlockSteps, RouteStep } from './route.ts';
import type { WeightSet } from './weights.ts';

/** What edits make of one block that stays. */
export interface NarrowBlock {
  readonly index: number;
  readonly form: BlockForm;
  readonly maps: readonly FormMap[];
  /** Blocks of a group after it attend to its text. */
  readonly carriesText: boolean;
}

/** The maps of a block, by the names that its family gives them. */
export type NarrowMapsOf = (block: number) => WeightSet;

/** Blocks that are narrower or carry text, by index. `edits` are a valid set. Throws RangeError for modulations, which no forward pass takes yet. */
export function narrowBlocks(
  { blocks }: Pick<Architecture, 'blocks'>,
  edits: EditSet,
): ReadonlyMap<number, NarrowBlock> {
  const removed = new Set(removedBlocks(runsOf(edits)));
  const kept = blocks.map(({ index }) => index).filter((index) => !removed.has(index));
  const forms = formsOf(blocks, edits, kept);
  const carriers = new Set(edits.flatMap((edit) => (edit.on === 'text-stream' ? [edit.first] : [])));
  return new Map(
    kept.flatMap((index) => {
      const form = forms.get(index) ?? {};
      if (form.modulation) throw new RangeError('No forward pass takes edited modulations');
      const maps = formMaps(blockAt({ blocks }, index), form);
      const carriesText = carriers.has(index);
      return maps.length > 0 || carriesText ? [[index, { index, form, maps, carriesText }] as const] : [];
    }),
  );
}

/** `steps` are those of the runs among the edits. */
export function narrowSteps(
  steps: BlockSteps,
  narrow: ReadonlyMap<number, NarrowBlock>,
  mapsOf: NarrowMapsOf,
): BlockSteps {
  return steps.map((step, index) => {
    const block = narrow.get(index);
    return step && block ? narrowStep(step, block, block.maps.length > 0 ? mapsOf(index) : null) : step;
  });
}

/** A step of a block or its student, with maps in place. */
export function narrowStep(step: RouteStep, { index, carriesText }: NarrowBlock, maps: WeightSet | null): RouteStep {
  if (step.kind !== 'block' && step.kind !== 'student') throw new RangeError(`Block ${index} does not run as a block`);
  if (!maps) return carriesText ? { ...step, carriesText } : step;
  return { kind: 'narrow', index, maps, weights: step.kind === 'student' ? step.weights : null, carriesText };
}
