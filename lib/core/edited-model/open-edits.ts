/** The way of a forward pass through a model with edits in place: students read from their files, probes as they are asked for. */
import type { NamedBlob } from '../checkpoint/index.ts';
import { type RunEdit, runSetOf } from '../edit/index.ts';
import type { OpenModel } from '../folder/open-model.ts';
import { type Route, routeOf, type StreamProbes } from '../model/index.ts';
import { disposeStudents, openStudents, type StudentEdit } from './students.ts';

/** An edit with what it puts in place, where that is in a file. */
export type EditWithFile<File = NamedBlob> = (RunEdit & { readonly by: 'nothing' | 'probes' }) | StudentEdit<File>;

export interface EditedRoute {
  /** Undefined is the whole model. */
  readonly route: Route | undefined;
  /** Frees the weights of students. */
  dispose(): void;
}

/** `probes` is called where an edit needs them. Throws `plan-invalid` for edits that the model cannot have. */
export async function openEdits(
  model: OpenModel,
  edits: readonly EditWithFile[],
  probes: () => Promise<readonly StreamProbes[]>,
): Promise<EditedRoute> {
  const { summary } = model;
  const set = runSetOf(edits, summary, 'the chosen intervals');
  if (set.length === 0) return { route: undefined, dispose() {} };
  const fitted = set.some(({ by }) => by === 'probes') ? await probes() : [];
  const students = await openStudents(
    model,
    edits.filter((edit) => edit.by === 'student'),
  );
  const dispose = () => disposeStudents(students);
  try {
    return { route: routeOf(summary.numBlocks, set, { probes: fitted, students }), dispose };
  } catch (thrown) {
    dispose();
    throw thrown;
  }
}
