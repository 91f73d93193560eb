/**
 * The way of a forward pass through a model with edits in place: students read from their files, fitted maps of runs and of
 * narrower blocks as they are asked for.
 */
import type { NamedBlob } from '../checkpoint/index.ts';
import {
  type EditSet,
  editSetOf,
  type FfnEdit,
  mappedRuns,
  type RunEdit,
  runsOf,
  type TextStreamEdit,
} from '../edit/index.ts';
import type { OpenModel } from '../folder/open-model.ts';
import type { BlockInterval } from '../interval/index.ts';
import {
  architectureOf,
  type BlockSteps,
  type EditParts,
  editableModel,
  type FittedMapOf,
  narrowBlocks,
  narrowSteps,
  type Route,
  stepsOf,
  type WeightSet,
} from '../model/index.ts';
import { disposeStudents, openStudents, type StudentEdit } from './students.ts';
import type { MapsEdit } from './trained-maps.ts';

/** An edit with what it puts in place, where that is in a file. */
export type EditWithFile<File = NamedBlob> =
  | (RunEdit & { readonly by: 'nothing' | 'probes' | 'linear' })
  | StudentEdit<File>
  /** Without a file the maps are fitted in closed form. */
  | TextStreamEdit
  | FfnEdit
  | MapsEdit<File>;

export interface EditedRoute {
  /** Undefined is the whole model. */
  readonly route: Route | undefined;
  /** Frees the weights of students and of linear maps. */
  dispose(): void;
}

/** Gives the fitted maps that runs put in place. */
export type OpenRunMaps = (runs: readonly BlockInterval[]) => Promise<FittedMapOf>;
/** Gives the linear maps of narrower blocks, by block; they are the caller's, to be freed. */
export type OpenNarrowMaps = (edits: EditSet, parts: EditParts) => Promise<ReadonlyMap<number, WeightSet>>;

/** Maps are asked for where edits put some in place. Throws `plan-invalid` for edits that the model cannot have. */
export async function openEdits(
  model: OpenModel,
  edits: readonly EditWithFile[],
  mapsOf: OpenRunMaps,
  narrowOf: OpenNarrowMaps = noMaps,
): Promise<EditedRoute> {
  const { config } = model;
  const set = editSetOf(edits, editableModel(config), 'the chosen edits');
  if (set.length === 0) return { route: undefined, dispose() {} };
  const { parts, dispose: freeStudents } = await openParts(model, edits, set, mapsOf);
  const sets: WeightSet[] = [];
  const dispose = () => {
    freeStudents();
    for (const maps of sets) maps.dispose();
  };
  try {
    const steps = stepsOf(config.numBlocks, runsOf(set), parts);
    return { route: routed(await narrowed(steps)), dispose };
  } catch (thrown) {
    dispose();
    throw thrown;
  }

  async function narrowed(steps: BlockSteps): Promise<BlockSteps> {
    const narrow = narrowBlocks(architectureOf(config), set);
    if (narrow.size === 0) return steps;
    const maps = await narrowOf(set, parts);
    sets.push(...maps.values());
    return narrowSteps(steps, narrow, (block) => {
      const found = maps.get(block);
      if (!found) throw new RangeError(`No maps of block ${block} are given`);
      return found;
    });
  }
}

/** What the runs among a set of edits put in place. */
export async function openParts(
  model: OpenModel,
  edits: readonly EditWithFile[],
  set: EditSet,
  mapsOf: OpenRunMaps,
): Promise<{ readonly parts: EditParts; dispose(): void }> {
  const runs = mappedRuns(set);
  const maps = runs.length > 0 ? await mapsOf(runs) : () => undefined;
  const students = await openStudents(model, edits.filter(isStudent));
  return { parts: { maps, students }, dispose: () => disposeStudents(students) };
}

async function noMaps(): Promise<never> {
  throw new RangeError('No maps of narrower blocks are given');
}

function isStudent(edit: EditWithFile): edit is StudentEdit {
  return edit.on === 'run' && edit.by === 'student';
}

function routed(steps: BlockSteps): Route {
  return steps.filter((step) => step !== null);
}
