/** The way of a forward pass through a model with edits in place: students read from their files, fitted maps as they are asked for. */
import type { NamedBlob } from '../checkpoint/index.ts';
import { mappedRuns, type RunEdit, runSetOf } from '../edit/index.ts';
import type { OpenModel } from '../folder/open-model.ts';
import type { BlockInterval } from '../interval/index.ts';
import { type FittedMapOf, type Route, routeOf } from '../model/index.ts';
import { disposeStudents, openStudents, type StudentEdit } from './students.ts';

/** An edit with what it puts in place, where that is in a file. */
export type EditWithFile<File = NamedBlob> =
  | (RunEdit & { readonly by: 'nothing' | 'probes' | 'linear' })
  | StudentEdit<File>;

export interface EditedRoute {
  /** Undefined is the whole model. */
  readonly route: Route | undefined;
  /** Frees the weights of students. */
  dispose(): void;
}

/** `mapsOf` is asked for the fitted maps that edits put in place, where they do. Throws `plan-invalid` for edits that the model cannot have. */
export async function openEdits(
  model: OpenModel,
  edits: readonly EditWithFile[],
  mapsOf: (runs: readonly BlockInterval[]) => Promise<FittedMapOf>,
): Promise<EditedRoute> {
  const { summary } = model;
  const set = runSetOf(edits, summary, 'the chosen intervals');
  if (set.length === 0) return { route: undefined, dispose() {} };
  const runs = mappedRuns(set);
  const maps = runs.length > 0 ? await mapsOf(runs) : () => undefined;
  const students = await openStudents(
    model,
    edits.filter((edit) => edit.by === 'student'),
  );
  const dispose = () => disposeStudents(students);
  try {
    return { route: routeOf(summary.numBlocks, set, { maps, students }), dispose };
  } catch (thrown) {
    dispose();
    throw thrown;
  }
}
