/**
 * The jointly fine-tuned whole as a route: blocks that it trained have weights of their own, others those of students or of the
 * teacher; linear maps of narrower blocks are the file's.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { NamedBlob } from '../checkpoint/index.ts';
import { type EditSet, editKey, editSetOf, type ModulationEdit, runsOf } from '../edit/index.ts';
import { ContiguaError } from '../errors.ts';
import { openFineTuned } from '../export/trained-file.ts';
import type { OpenModel } from '../folder/open-model.ts';
import {
  architectureOf,
  blockAt,
  blockStepsOf,
  editableModel,
  expectedTensors,
  narrowBlocks,
  prunedModel,
  type RouteStep,
  routeOf,
  WeightSet,
} from '../model/index.ts';
import { memoryStates } from '../states/index.ts';
import { mapsOfEdit, storeMaps } from '../width/index.ts';
import { type EditedRoute, type EditWithFile, openEdits } from './open-edits.ts';
import { readTrained } from './students.ts';
import { mapsByBlock } from './trained-maps.ts';

/**
 * `edits` and `shared` are those that the file was fine-tuned with; what is shared is put in place by `withModulations`, from the same
 * file. It is opened once the edits fit; throws `plan-mismatch` for a file of others. Maps are read from it, whatever files the edits have.
 */
export async function openFineTunedRoute(
  model: OpenModel,
  edits: readonly EditWithFile[],
  openFile: () => Promise<NamedBlob>,
  shared: readonly ModulationEdit[] = [],
): Promise<EditedRoute> {
  const { config, summary } = model;
  const { fingerprint, family } = summary;
  const other = edits.filter((edit) => edit.on === 'run' && edit.by !== 'student');
  if (other.length > 0) {
    throw new ContiguaError('plan-invalid', 'A fine-tuned model has students in the place of runs', {
      found: edits.map(editKey).join(', '),
      expected: 'a student in the place of every run',
    });
  }
  const set = editSetOf(edits, editableModel(config), 'the fine-tuned edits');
  let file: Promise<NamedBlob> | null = null;
  const opened = () => {
    file ??= openFile();
    return file;
  };
  const { route: plain, dispose: free } = await openEdits(model, edits, async () => () => undefined, mapsOf);
  const owned: WeightSet[] = [];
  const dispose = () => {
    free();
    for (const weights of owned) weights.dispose();
  };
  try {
    const steps = blockStepsOf(plain ?? routeOf(config.numBlocks, []));
    const student = prunedModel(
      config,
      steps.map(({ index }) => index),
    );
    const { blocks } = architectureOf(student);
    const intervals = runsOf(set).map(({ first, last }) => ({ first, last }));
    const tensors = await openFineTuned(
      await opened(),
      { fingerprint, family, intervals, edits: [...set, ...shared] },
      expectedTensors(student),
    );
    const all = await readTrained(tensors);
    try {
      const route = steps.map((step, position): RouteStep => {
        const { prefix } = blockAt({ blocks }, position);
        const trained = [...all.entries()].filter(([name]) => name.startsWith(prefix));
        if (trained.length === 0) return step;
        const weights = new WeightSet();
        owned.push(weights);
        // Handles of their own, since `all` is disposed below.
        for (const [name, tensor] of trained) weights.add(name.slice(prefix.length), tf.clone(tensor));
        return step.kind === 'narrow' ? { ...step, weights } : { ...step, kind: 'student', weights };
      });
      return { route, dispose };
    } finally {
      all.dispose();
    }
  } catch (thrown) {
    dispose();
    throw thrown;
  }

  async function mapsOf(all: EditSet): Promise<ReadonlyMap<number, WeightSet>> {
    const store = memoryStates();
    try {
      const from = { store, owner: 'fine-tuned' };
      const narrow = narrowBlocks(architectureOf(config), all);
      const placed = all.flatMap((edit) =>
        edit.on === 'run' || edit.on === 'modulation' ? [] : mapsOfEdit(edit, narrow),
      );
      await storeMaps(await opened(), { fingerprint, family, width: config.width }, placed, from);
      return await mapsByBlock(model, all, from);
    } finally {
      await store.dispose();
    }
  }
}
