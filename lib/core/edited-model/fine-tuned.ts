/** The jointly fine-tuned whole as a route: blocks that it trained have weights of their own, others those of students or of the teacher. */
import * as tf from '@tensorflow/tfjs-core';
import type { NamedBlob } from '../checkpoint/index.ts';
import { editKey } from '../edit/index.ts';
import { ContiguaError } from '../errors.ts';
import { openFineTuned } from '../export/trained-file.ts';
import type { OpenModel } from '../folder/open-model.ts';
import { architectureOf, blockAt, expectedTensors, prunedModel, routeWithStudents, WeightSet } from '../model/index.ts';
import type { EditedRoute, EditWithFile } from './open-edits.ts';
import { openStudents, readTrained } from './students.ts';

/** `edits` are the students that the file was fine-tuned with; it is opened once they fit. */
export async function openFineTunedRoute(
  model: OpenModel,
  edits: readonly EditWithFile[],
  openFile: () => Promise<NamedBlob>,
): Promise<EditedRoute> {
  const { config, summary } = model;
  const { fingerprint, family } = summary;
  const sources = edits.filter((edit) => edit.by === 'student');
  if (sources.length < edits.length) {
    throw new ContiguaError('plan-invalid', 'A fine-tuned model has students alone', {
      found: edits.map(editKey).join(', '),
      expected: 'a student in the place of every run',
    });
  }
  const students = await openStudents(model, sources);
  const owned = students.map(({ weights }) => weights);
  const dispose = () => {
    for (const weights of owned) weights.dispose();
  };
  try {
    const plain = routeWithStudents(config.numBlocks, students);
    const student = prunedModel(
      config,
      plain.map(({ index }) => index),
    );
    const { blocks } = architectureOf(student);
    const tensors = await openFineTuned(
      await openFile(),
      { fingerprint, family, intervals: students.map(({ first, last }) => ({ first, last })) },
      expectedTensors(student),
    );
    const all = await readTrained(tensors);
    try {
      const route = plain.map((step, position) => {
        const { prefix } = blockAt({ blocks }, position);
        const trained = [...all.entries()].filter(([name]) => name.startsWith(prefix));
        if (trained.length === 0) return step;
        const weights = new WeightSet();
        owned.push(weights);
        // Handles of their own, since `all` is disposed below.
        for (const [name, tensor] of trained) weights.add(name.slice(prefix.length), tf.clone(tensor));
        return { kind: 'student', index: step.index, weights } as const;
      });
      return { route, dispose };
    } finally {
      all.dispose();
    }
  } catch (thrown) {
    dispose();
    throw thrown;
  }
}
