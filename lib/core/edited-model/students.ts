/** Trained files on the engine: students for the runs that they replace, and what tells them apart. */
import { type NamedBlob, readRange } from '../checkpoint/index.ts';
import { type RunEdit, runSetOf } from '../edit/index.ts';
import { openStudent, type TrainedTensors } from '../export/trained-file.ts';
import { digestOfFile } from '../folder/digest.ts';
import type { OpenModel } from '../folder/open-model.ts';
import { formatIntervalKeys, removedCount } from '../interval/index.ts';
import {
  checkFinite,
  type Route,
  routeWithStudents,
  type StudentWeights,
  studentBlock,
  toEngine,
  WeightSet,
} from '../model/index.ts';

/** A student in a run's place, with the file that holds it. */
export type StudentEdit<File = NamedBlob> = RunEdit & { readonly by: 'student'; readonly file: File };

/** Checks the files against the model. Disposing the weights is the caller's. */
export async function openStudents(
  { config, summary }: OpenModel,
  students: readonly StudentEdit[],
): Promise<StudentWeights[]> {
  const opened: StudentWeights[] = [];
  try {
    for (const { first, last, file } of runSetOf(students, summary, 'the students') as readonly StudentEdit[]) {
      const { fingerprint, family } = summary;
      const block = studentBlock(config, { first, last }).tensors;
      const tensors = await openStudent(file, { fingerprint, family, interval: { first, last } }, block);
      opened.push({ first, last, weights: await readTrained(tensors) });
    }
    return opened;
  } catch (thrown) {
    disposeStudents(opened);
    throw thrown;
  }
}

export function disposeStudents(students: readonly StudentWeights[]): void {
  for (const { weights } of students) weights.dispose();
}

/** Weights of a trained file, checked finite. Disposing them is the caller's. */
export async function readTrained(tensors: TrainedTensors): Promise<WeightSet> {
  const weights = new WeightSet();
  try {
    for (const [name, { info, file, blob }] of tensors) {
      const values = new Float32Array((await readRange(blob, file, 0, blob.size)).buffer);
      checkFinite(values, file, name);
      weights.add(name, toEngine(values, info.shape));
    }
    return weights;
  } catch (thrown) {
    weights.dispose();
    throw thrown;
  }
}

/** The way from the input to block `first`, students in their places. */
export function routeBefore(first: number, numBlocks: number, students: readonly StudentWeights[]): Route {
  const before = students.filter(({ last }) => last < first);
  return routeWithStudents(numBlocks, before).slice(0, first - removedCount(before));
}

/** Tells students of the same intervals apart: their intervals and what their files hold. */
export async function studentsKey(students: readonly StudentEdit[]): Promise<string> {
  const digests: string[] = [];
  for (const { file } of students) digests.push((await digestOfFile(file)).slice(0, 16));
  return `${formatIntervalKeys(students)} ${digests.join(' ')}`;
}
