/** The way through a model with edits in place: what runs put there, and around it the linear maps of narrower blocks. */
import { type EditSet, runsOf } from '../edit/index.ts';
import {
  architectureOf,
  type EditParts,
  type ModelConfig,
  type NarrowBlock,
  narrowBlocks,
  narrowSteps,
  type Route,
  stepsOf,
  WeightSet,
} from '../model/index.ts';

/**
 * Of a valid set. `mapsOf` is asked where blocks are narrower; its maps are freed with the route, and where none can be made. `parts`
 * stay the caller's.
 */
export async function editedRoute(
  config: ModelConfig,
  edits: EditSet,
  parts: EditParts,
  mapsOf: () => Promise<ReadonlyMap<number, WeightSet>>,
): Promise<{ readonly route: Route; dispose(): void }> {
  const narrow = narrowBlocks(architectureOf(config), edits);
  const maps = narrow.size > 0 ? await mapsOf() : new Map<number, WeightSet>();
  const dispose = () => {
    for (const held of maps.values()) held.dispose();
  };
  try {
    const steps = narrowSteps(stepsOf(config.numBlocks, runsOf(edits), parts), narrow, (block) => {
      const found = maps.get(block);
      if (!found) throw new RangeError(`No maps of block ${block} are given`);
      return found;
    });
    return { route: steps.filter((step) => step !== null), dispose };
  } catch (thrown) {
    dispose();
    throw thrown;
  }
}

/** The same, with the maps of one block at a time, each opened while the block runs. */
export function routeOpeningMaps(
  config: ModelConfig,
  edits: EditSet,
  parts: EditParts,
  openMaps: (block: NarrowBlock) => Promise<WeightSet>,
): { readonly route: Route; dispose(): void } {
  const narrow = narrowBlocks(architectureOf(config), edits);
  const none = new WeightSet();
  const steps = narrowSteps(stepsOf(config.numBlocks, runsOf(edits), parts), narrow, () => none);
  const route = steps.flatMap((step): Route => {
    if (step?.kind !== 'narrow') return step ? [step] : [];
    return [{ ...step, openMaps: () => openMaps(narrow.get(step.index)!) }];
  });
  return { route, dispose() {} };
}
