/** The joint fine-tune of a student with maps and shared modulations: what it trains, saves and leaves as a folder. */
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { bytesOf, openExported, recordTraining } from '../../testing/narrower-blocks.ts';
import { type BlobLike, openFile } from '../checkpoint/index.ts';
import { fineTune, syntheticBatches } from '../distil/index.ts';
import { editSetOf, modulationEdit } from '../edit/index.ts';
import { runParts, studentFolder } from '../export/index.ts';
import { tinyPlan } from '../export/plan-fixtures.ts';
import { editableModel, elementsOf, tunedParameters } from '../model/config-index.ts';
import { routeOf } from '../model/index.ts';
import { relativeError, sampleErrors } from '../relative-error.ts';
import { DEFAULT_FINE_TUNE, FINE_TUNE_KEY, type FineTuneSettings } from '../run/index.ts';
import { memoryStates } from '../states/index.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import {
  disposeStudents,
  mapsByBlock,
  openEdits,
  openFineTunedRoute,
  openStudents,
  readModulations,
  storeTrainedMaps,
  trainedRoute,
  withModulations,
} from './index.ts';
import {
  calibration,
  checkpoint,
  config,
  EDITS,
  fingerprint,
  MAPPED,
  narrowRun,
  RUN,
  SHARED,
} from './narrow-run-fixtures.ts';

const settings: FineTuneSettings = {
  ...DEFAULT_FINE_TUNE,
  steps: 12,
  batch: 2,
  learningRate: 1e-3,
  warmupSteps: 2,
  checkpointEvery: 4,
};
const ALL = editSetOf([RUN, ...MAPPED, SHARED], editableModel(config), 'the test');
type Run = Awaited<ReturnType<typeof narrowRun>>;

async function tuned(
  { transformer, model, sources, files }: Run,
  changes: Partial<FineTuneSettings> = {},
  { resume = null, stopAfter }: { resume?: Blob | null; stopAfter?: number } = {},
) {
  const stored = { store: memoryStates(), owner: 'stored' };
  const trained = sources.flatMap((source) => (source.on === 'run' ? [] : [source]));
  const students = await openStudents(model, [{ ...RUN, by: 'student', file: files.get('2-3')! }]);
  await storeTrainedMaps(model, trained, EDITS, stored);
  const { route, dispose } = await trainedRoute(model, EDITS, students, stored);
  const narrow = {
    edits: ALL,
    route,
    modulations: await readModulations(model, [SHARED], files.get('modulations')!),
  };
  try {
    return await recordTraining(
      async (host) =>
        await fineTune({
          transformer,
          fingerprint,
          students,
          narrow,
          studentsKey: 'test',
          settings: { ...settings, ...changes },
          batches: syntheticBatches(config, { batch: 2, seed: 0 }),
          resume: resume && { path: 'state', blob: resume },
          ...host,
        }),
      stopAfter,
    );
  } finally {
    dispose();
    disposeStudents(students);
    await stored.store.dispose();
  }
}

/** ‖v̂ − v‖ / ‖v‖ of the model with the edits, of files of their own or of one file of all. */
async function outputOf({ transformer, model, sources, files }: Run, fineTuned: Blob | null) {
  const file = fineTuned ? { path: 'student.safetensors', blob: fineTuned } : files.get('modulations')!;
  const stored = { store: memoryStates(), owner: 'stored' };
  const { route, dispose } = fineTuned
    ? await openFineTunedRoute(model, sources, async () => file, [SHARED])
    : await openEdits(
        model,
        sources,
        async () => () => undefined,
        async (set) => {
          const trained = sources.flatMap((source) => (source.on === 'run' ? [] : [source]));
          await storeTrainedMaps(model, trained, set, stored);
          return await mapsByBlock(model, set, stored);
        },
      );
  const shared = await withModulations(model, transformer, [SHARED], file);
  const inputs = calibration.batches[0]!;
  const output = await shared.transformer.forward(inputs, route);
  const whole = await transformer.forward(inputs);
  shared.dispose();
  dispose();
  await stored.store.dispose();
  return { inputs, output, error: relativeError(sampleErrors(whole, output, inputs.batch))! };
}

/** What estimates before a run count on. */
function valuesIn({ tensors }: Awaited<ReturnType<typeof openFile>>): number {
  return [...tensors.values()].reduce((sum, { shape }) => sum + elementsOf(shape), 0);
}

describePerEngine(['wasm', 'tensorflow'], 'the joint fine-tune of narrower blocks', () => {
  test('trains maps and modulations with the blocks, lowers the error, and gives as a folder what it gives in memory', async () => {
    const run = await narrowRun();
    const { transformer, student, files, keys } = run;
    await transformer.forward(calibration.batches[0]!);
    const before = await outputOf(run, null);
    const tensors = tf.memory().numTensors;
    const { files: left } = await tuned(run, { steps: 40, learningRate: 2e-3 });
    expect(tf.memory().numTensors).toBe(tensors);
    const file = { path: 'fine-tuned.safetensors', blob: left.get('student.safetensors')! };

    const header = await openFile(file);
    expect(header.tensors.get('modulation.0.basis')?.shape).toEqual([3, config.width]);
    expect(valuesIn(header)).toBe(tunedParameters(config, ALL, 'all'));
    const maps = await openFile(files.get('f5-image')!);
    const name = '5.img_ffn_proj.weight';
    expect(await header.readFloat32(name)).not.toEqual(await maps.readFloat32(name));
    // The layers that a map stands for are gone.
    expect([...header.tensors.keys()].filter((one) => one.startsWith('transformer_blocks.4.img_mlp'))).toEqual([]);

    const after = await outputOf(run, file.blob);
    expect(after.error).toBeLessThan(0.95 * before.error);

    const jobs = [...run.run.jobs, { key: FINE_TUNE_KEY, kind: 'fine-tune', edit: null }] as typeof run.run.jobs;
    const narrow = await runParts({ ...run.run, jobs }, keys, async (key) => files.get(key)!, file);
    const folder = await studentFolder({
      teacher: { name: 'tiny', config, checkpoint, folder: '', companions: [] },
      plan: tinyPlan(config, fingerprint, [RUN]),
      students: [{ interval: RUN, file: student }],
      fineTuned: file,
      run: null,
      narrow: narrow!,
    });
    const exported = await openExported(folder);
    const asFolder = await exported.transformer.forward(after.inputs);
    for (const [i, value] of asFolder.entries()) expect(value).toBeCloseTo(after.output[i]!, 4);
    const readme = folder.find(({ path }) => path === 'README.md')!;
    const card = new TextDecoder().decode(await readme.blob.arrayBuffer());
    expect(card).toContain('Then fine-tuned as a whole against the teacher.');
    expect(card).toContain('before the joint fine-tune');
    expect(card).not.toMatch(/not trained|without (any )?training/);

    // A part of it is another model, for which these weights are not.
    await expect(openFineTunedRoute(run.model, run.sources, async () => file)).rejects.toMatchObject({
      code: 'plan-mismatch',
      details: { found: expect.stringContaining('modulation rank 3') },
    });
    const without = studentFolder({
      teacher: { name: 'tiny', config, checkpoint, folder: '', companions: [] },
      plan: tinyPlan(config, fingerprint, [RUN]),
      students: [{ interval: RUN, file: student }],
      fineTuned: file,
      run: null,
    });
    await expect(without).rejects.toMatchObject({ code: 'plan-mismatch', details: { expected: 'none' } });
    exported.transformer.dispose();
    transformer.dispose();
  });

  test('is one file, whose header is read once for blocks, maps and modulations', async () => {
    const run = await narrowRun();
    const { files: left } = await tuned(run);
    const blob = left.get('student.safetensors')!;
    let headers = 0;
    const counted: BlobLike = {
      size: blob.size,
      arrayBuffer: () => blob.arrayBuffer(),
      slice(start = 0, end = blob.size) {
        if (start === 0) headers++;
        return blob.slice(start, end);
      },
    };
    const before = tf.memory().numTensors;
    const file = { path: 'fine-tuned.safetensors', blob: counted };
    const { dispose } = await openFineTunedRoute(run.model, run.sources, async () => file, [SHARED]);
    const shared = await withModulations(run.model, run.transformer, [SHARED], file);
    expect(headers).toBe(1);
    shared.dispose();
    dispose();
    expect(tf.memory().numTensors).toBe(before);
    run.transformer.dispose();
  });

  test('starts from a route that leaves nothing on the engine where it cannot be made', async () => {
    const run = await narrowRun();
    const stored = { store: memoryStates(), owner: 'stored' };
    const trained = run.sources.flatMap((source) => (source.on === 'run' ? [] : [source]));
    await storeTrainedMaps(run.model, trained, EDITS, stored);
    const tensors = tf.memory().numTensors;
    // The student of the run is not there.
    await expect(trainedRoute(run.model, EDITS, [], stored)).rejects.toThrow(/student/i);
    expect(tf.memory().numTensors).toBe(tensors);
    await stored.store.dispose();
    run.transformer.dispose();
  });

  test('with nothing to train is refused', async () => {
    const run = await narrowRun();
    const table = modulationEdit({ table: [1, 0.5] });
    const conditioning = new Float32Array(2 * config.width);
    const tuning = fineTune({
      transformer: run.transformer,
      fingerprint,
      students: [],
      narrow: {
        edits: editSetOf([table], editableModel(config), 'the test'),
        route: routeOf(config.numBlocks, []),
        modulations: [{ edit: table, parts: { conditioning } }],
      },
      studentsKey: 'test',
      settings: { ...settings, train: 'students' },
      batches: syntheticBatches(config, { batch: 2, seed: 0 }),
      resume: null,
      save: async () => ({ url: '', sizeBytes: 0, sha256: '' }),
      onProgress: () => {},
      signal: new AbortController().signal,
    });
    await expect(tuning).rejects.toThrow(/nothing to train/);
    run.transformer.dispose();
  });

  test('of students alone leaves the blocks between them as they are, and ends with the same bits when it is resumed', async () => {
    const run = await narrowRun();
    const whole = await tuned(run, { train: 'students' });
    const stopped = await tuned(run, { train: 'students' }, { stopAfter: 4 });
    const resumed = await tuned(run, { train: 'students' }, { resume: stopped.files.get('state-4.safetensors')! });
    const name = 'student.safetensors';
    expect(await bytesOf(resumed.files.get(name))).toEqual(await bytesOf(whole.files.get(name)));
    const file = await openFile({ path: name, blob: whole.files.get(name)! });
    expect(valuesIn(file)).toBe(tunedParameters(config, ALL, 'students'));
    const blocks = [...file.tensors.keys()].filter((one) => one.startsWith('transformer_blocks.'));
    expect(new Set(blocks.map((one) => one.split('.')[1]))).toEqual(new Set(['2']));
    run.transformer.dispose();
  });
});
