/** Maps and shared modulations in closed form: what a narrower model is without training, and where its joint fine-tune starts. */
import { DEFAULT_RIDGE } from '../lib/core/analysis/probe.ts';
import { calibrationFor } from '../lib/core/capture/index.ts';
import type { NarrowStart, SharedFit } from '../lib/core/distil/index.ts';
import type { EditSet, ModulationEdit } from '../lib/core/edit/index.ts';
import { trainedRoute } from '../lib/core/edited-model/index.ts';
import type { OpenModel } from '../lib/core/folder/open-model.ts';
import type { StudentWeights, Transformer } from '../lib/core/model/index.ts';
import { type FittedModulations, fitModulations, visitedTimesteps } from '../lib/core/modulation/index.ts';
import { memoryStates } from '../lib/core/states/index.ts';
import { fitWidth } from '../lib/core/width/index.ts';
import { CALIBRATION } from './calibration.ts';

/** A model whose blocks are made narrower: the sample, or what students leave of it. */
export type Whole = Pick<OpenModel, 'config' | 'checkpoint'>;

/** `transformer` runs `whole`. Students on the engine stay the caller's, and maps become so. */
export async function narrowStart(
  model: OpenModel,
  whole: Whole,
  transformer: Transformer,
  students: readonly StudentWeights[],
  edits: EditSet,
): Promise<{ readonly parts: NarrowStart; dispose(): void }> {
  const others = edits.filter((edit) => edit.on !== 'modulation');
  const shared = edits.filter((edit): edit is ModulationEdit => edit.on === 'modulation');
  const maps = { store: memoryStates(), owner: 'start' };
  try {
    if (others.some(({ on }) => on !== 'run')) {
      const calibration = await calibrationFor(model, CALIBRATION);
      await fitWidth(transformer, calibration, others, { ridge: DEFAULT_RIDGE, ...maps, parts: { students } });
    }
    const { route, dispose } = await trainedRoute(whole, others, students, maps);
    try {
      const modulations: SharedFit[] = [];
      for (const edit of shared) modulations.push(await sharedFit(model, whole, transformer, edit));
      return { parts: { edits, route, modulations }, dispose };
    } catch (thrown) {
      dispose();
      throw thrown;
    }
  } finally {
    await maps.store.dispose();
  }
}

async function sharedFit(
  model: OpenModel,
  whole: Whole,
  transformer: Transformer,
  edit: ModulationEdit,
): Promise<SharedFit> {
  if (!('rank' in edit.by)) throw new Error('The study shares modulations by rank alone');
  const fit = await fittedModulations(model, whole, transformer, edit);
  return { edit, parts: fit.partsAt(edit.by.rank) };
}

/** Of `whole`, which the transformer runs, at the timesteps that the sample's scheduler visits. */
export async function fittedModulations(
  { drawer, summary }: OpenModel,
  whole: Whole,
  transformer: Transformer,
  { blocks }: ModulationEdit,
): Promise<FittedModulations> {
  if (!drawer) throw new Error(`${summary.name} does not draw`);
  const schedule = { scheduler: drawer.scheduler, imageTokens: drawer.gridSize ** 2 };
  return await fitModulations(whole, transformer, { blocks, timesteps: visitedTimesteps(whole.config, schedule) });
}
