/**
 * The way of a forward pass through a model with edits in place: students read from their files, fitted maps of runs and of
 * narrower blocks as they are asked for.
 */
import type { NamedBlob } from '../checkpoint/index.ts';
import { type EditSet, editSetOf, type FfnEdit, mappedRuns, type RunEdit, type TextStreamEdit } from '../edit/index.ts';
import type { OpenModel } from '../folder/open-model.ts';
import type { BlockInterval } from '../interval/index.ts';
import {
  architectureOf,
  type EditParts,
  editableModel,
  type FittedMapOf,
  type NarrowBlock,
  narrowBlocks,
  type Route,
  type WeightSet,
} from '../model/index.ts';
import { editedRoute, routeOpeningMaps } from './edited-route.ts';
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
export type OpenNarrowMaps = (
  edits: EditSet,
  parts: EditParts,
) => Promise<ReadonlyMap<number, WeightSet> | OpenBlockMaps>;
/** Or those of one block each time that it runs, which are freed after it. */
export type OpenBlockMaps = (block: NarrowBlock) => Promise<WeightSet>;

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
  try {
    const isNarrow = narrowBlocks(architectureOf(config), set).size > 0;
    const maps = isNarrow ? await narrowOf(set, parts) : new Map<number, WeightSet>();
    const { route, dispose } =
      typeof maps === 'function'
        ? routeOpeningMaps(config, set, parts, maps)
        : await editedRoute(config, set, parts, async () => maps);
    return {
      route,
      dispose() {
        dispose();
        freeStudents();
      },
    };
  } catch (thrown) {
    freeStudents();
    throw thrown;
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
