/** A model whose blocks are of several kinds (SD3.5) goes the whole way: opened, analysed, distilled, plugged, tuned, exported. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openFile, type TensorToWrite } from '../core/checkpoint/index.ts';
import { DEFAULT_DETECTION, detectIntervals } from '../core/detection/index.ts';
import { runEdit, runEdits } from '../core/edit/index.ts';
import { openStudents } from '../core/edited-model/index.ts';
import { studentFolder } from '../core/export/index.ts';
import { openTeacher } from '../core/export/open-teacher.ts';
import type { ModelSummary } from '../core/folder/model-summary.ts';
import { type OpenModel, openModel } from '../core/folder/open-model.ts';
import { type GoldenCase, goldenCase, openTransformer, routeWithStudents, sampleOf } from '../core/model/index.ts';
import { SD3_GOLDENS } from '../core/model/sd3/goldens.ts';
import { buildPlan, planCost } from '../core/plan/index.ts';
import { DEFAULT_DISTIL, DEFAULT_FINE_TUNE } from '../core/run/index.ts';
import { forwardFile, type TinyModel, tinyModel } from '../testing/tiny-model.ts';
import { nodeEngines } from './engines/node-engines.ts';
import { openFilesOf, openSource } from './folder/file-host.ts';
import { nodeFiles } from './folder/node-files.ts';
import type { ModelSource, StudentSource } from './protocol.ts';
import { createTasks } from './tasks.ts';

const S3 = SD3_GOLDENS.find(({ name }) => name === 'S3')!;
const golden: GoldenCase = goldenCase({
  ...S3,
  config: { ...S3.config, num_layers: 6, dual_attention_layers: [0, 1], pos_embed_max_size: 12 },
});
/** From a block of dual attention to one without. */
const ACROSS = { first: 1, last: 2 };
/** To the end of the model. */
const END = { first: 4, last: 5 };
const CALIBRATION = { kind: 'synthetic', samples: 4, timesteps: 2, seed: 1 } as const;
const PROBES = { calibration: CALIBRATION, ridge: 1e-2, split: 'prompt-groups' } as const;
const quiet = { signal: new AbortController().signal, stop: new AbortController().signal, onProgress: () => {} };
const settings = { ...DEFAULT_DISTIL, steps: 3, batch: 2, warmupSteps: 1, heldOutSamples: 2, checkpointEvery: 2 };

let folder: string;
let tiny: TinyModel;
let summary: ModelSummary;
let tasks: ReturnType<typeof createTasks>;
const sourceOf = (files: TinyModel['files']): Extract<ModelSource, { kind: 'files' }> => ({
  kind: 'files',
  name: 'unequal blocks',
  files: Object.entries(files).map(([path, bytes]) => ({ path: `transformer/${path}`, blob: new Blob([bytes]) })),
});
const urlOf = (name: string) => pathToFileURL(join(folder, name)).href;
const studentOf = (name: string, interval: typeof END) => ({
  ...runEdit(interval, 'student'),
  by: 'student' as const,
  file: { path: `${name}.safetensors`, url: `${urlOf(name)}/student.safetensors` },
});
const distilled = (name: string, interval: typeof END, start: 'first' | 'last' | 'best') =>
  tasks.distil(
    {
      edit: runEdit(interval, 'student'),
      settings: { ...settings, start },
      data: { kind: 'synthetic' },
      cache: null,
      before: [],
      resume: null,
      saveTo: urlOf(name),
    },
    quiet,
  );
/** What the teacher gives with the students in their places. */
async function pluggedSample({ config, checkpoint, ...model }: OpenModel, sources: readonly StudentSource[]) {
  const teacher = await openTransformer(config, checkpoint);
  const students = await openStudents({ config, checkpoint, ...model }, await openFilesOf(sources, nodeFiles));
  const { inputs } = golden;
  const output = await teacher.forward(inputs, routeWithStudents(config.numBlocks, students));
  for (const { weights } of students) weights.dispose();
  teacher.dispose();
  return sampleOf(output, inputs, config).values;
}
const tensorsOf = async (name: string) => {
  const source = await openSource({ path: name, url: `${urlOf(name)}/student.safetensors` }, nodeFiles);
  return (await openFile(source)).tensors;
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-unequal-'));
  for (const name of ['across', 'end', 'tuned']) await mkdir(join(folder, name));
  tasks = createTasks({ engines: nodeEngines(), files: nodeFiles });
  await tasks.startEngine({ wanted: 'wasm' }, quiet);
  tiny = await tinyModel((all) => all, golden);
  summary = await tasks.openModel({ source: sourceOf(tiny.files) }, quiet);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('its blocks are told one by one, with what the model loses with each', () => {
  expect(summary).toMatchObject({ family: 'sd3', numBlocks: 6, embedsGuidance: false });
  expect(summary.blocks.map(({ kind }) => kind)).toEqual([
    'dual attention',
    'dual attention',
    'joint',
    'joint',
    'joint',
    'last',
  ]);
  expect(summary.blocks.map(({ updates }) => updates.length)).toEqual([2, 2, 2, 2, 2, 1]);
  const parameters = summary.blocks.map((block) => block.parameters);
  expect(summary.globalParameters + parameters.reduce((sum, n) => sum + n, 0)).toBe(summary.parameters);
  const saved = summary.blocks.map((block) => block.saves?.parameters ?? block.parameters);
  expect(saved.slice(0, -1)).toEqual(parameters.slice(0, -1));
  expect(saved.at(-1)).toBe(parameters[2]);
});

test('an analysis goes across kinds, and the last text takes no part', async () => {
  const report = await tasks.analyse({ calibration: CALIBRATION }, quiet);
  expect(report.calibration.timesteps).toEqual([0.25, 0.75]);
  expect(report.streams.text!.probeR2.map((r2) => r2 === null)).toEqual([0, 0, 0, 0, 0, 1].map(Boolean));
  for (const { first, last } of detectIntervals(report, DEFAULT_DETECTION)) expect(last).toBeGreaterThan(first);
  const edits = runEdits([ACROSS, END], 'nothing');
  const damage = await tasks.damage({ edits, probes: PROBES }, quiet);
  for (const { outputError } of damage) expect(outputError).toBeGreaterThan(0);
});

describe('students', () => {
  test('have the tensors of the block at their place, whatever block they start as', async () => {
    const specs = golden.checkpoint.tensors;
    const namesOf = (block: number) =>
      [...specs.keys()]
        .flatMap((name) => new RegExp(`^transformer_blocks\\.${block}\\.(.*)`).exec(name)?.[1] ?? [])
        .sort();
    const across = await distilled('across', ACROSS, 'last');
    expect([...(await tensorsOf('across')).keys()].sort()).toEqual(namesOf(ACROSS.first));
    expect(across.heldOut.student.text).not.toBeNull();
    const end = await distilled('end', END, 'first');
    const ofEnd = await tensorsOf('end');
    expect([...ofEnd.keys()].sort()).toEqual(namesOf(END.last));
    expect(ofEnd.get('norm1_context.linear.weight')!.shape).toEqual([64, 32]);
    expect(end.heldOut.student.text).toBeNull();
  });

  test('start as good as the block whose function they keep', async () => {
    // A student of the last block's kind computes what block `first` does, as nothing reads the text that it loses.
    const told: unknown[] = [];
    await tasks.distil(
      {
        edit: runEdit(END, 'student'),
        settings: { ...settings, start: 'first' },
        data: { kind: 'synthetic' },
        cache: null,
        before: [],
        resume: null,
        saveTo: urlOf('end'),
      },
      { ...quiet, onProgress: ({ partial }) => told.push(partial) },
    );
    const baselines = told.find((partial) => (partial as { kind: string }).kind === 'baselines');
    const first = told.find((partial) => (partial as { kind: string }).kind === 'held-out');
    expect(first).toMatchObject({
      point: { step: 0, student: (baselines as { baselines: { firstBlock: unknown } }).baselines.firstBlock as object },
    });
  });

  test('are plugged in, tuned together and exported as a model that computes the same', async () => {
    await distilled('across', ACROSS, 'best');
    const students = [studentOf('across', ACROSS), studentOf('end', END)];
    const tried = { pictures: 0, steps: 1, guidance: 1, seed: 1, data: { kind: 'synthetic' }, probes: null } as const;
    const plugged = await tasks.tryEdits({ edits: students, fineTuned: null, ...tried }, quiet);
    expect(plugged.outputError).toBeGreaterThan(0);
    const tuning = { ...DEFAULT_FINE_TUNE, steps: 30, batch: 2, warmupSteps: 1 };
    const tuned = await tasks.fineTune(
      { edits: students, settings: tuning, data: { kind: 'synthetic' }, resume: null, saveTo: urlOf('tuned') },
      quiet,
    );
    const fineTuned = { path: 'tuned.safetensors', url: tuned.student.url };
    const after = await tasks.tryEdits({ edits: students, fineTuned, ...tried }, quiet);
    expect(after.outputError).toBeLessThan(plugged.outputError);

    const opened = await openModel(sourceOf(tiny.files));
    const edits = runEdits([ACROSS, END], 'student');
    const plan = buildPlan({ model: opened.summary, report: null, edits, detection: DEFAULT_DETECTION });
    const cost = planCost(opened.summary, edits, { steps: 1, forwardsPerStep: 1 });
    expect(cost.parameters.after).toBe(plan.parameters.after);
    for (const whole of [null, fineTuned]) {
      const files = await studentFolder({
        teacher: await openTeacher(sourceOf(tiny.files).files, 'unequal blocks'),
        plan,
        students: await Promise.all(
          students.map(async ({ first, last, file }) => ({
            interval: { first, last },
            file: await openSource(file, nodeFiles),
          })),
        ),
        fineTuned: whole && (await openSource(whole, nodeFiles)),
        run: null,
      });
      const source = { kind: 'files', name: 'student', files } as const;
      const exported = await openModel(source);
      expect(exported.config.raw).toMatchObject({ num_layers: 4, dual_attention_layers: [0, 1] });
      expect(exported.summary.blocks.map(({ kind }) => kind)).toEqual([
        'dual attention',
        'dual attention',
        'joint',
        'last',
      ]);
      expect(exported.summary.parameters).toBe(plan.parameters.after);
      expect(planCost(exported.summary, [], { steps: 1, forwardsPerStep: 1 }).flopsPerForward.before).toBe(
        cost.flopsPerForward.after,
      );
      await tasks.openModel({ source }, quiet);
      const inputs = { path: 'in.safetensors', blob: new Blob([tiny.inputs]) };
      const { sample, shape } = await tasks.forward({ inputs }, quiet);
      expect(shape).toEqual([2, 4, 6, 10]);
      if (!whole) expect(sample).toEqual(await pluggedSample(opened, students));
    }
  });
});

describe('bad input of its own', () => {
  const refused = async (change: (tensors: TensorToWrite[]) => TensorToWrite[]) => {
    const { files } = await tinyModel(change, golden);
    return await tasks.openModel({ source: sourceOf(files) }, quiet).catch((thrown: unknown) => thrown);
  };
  const reshaped = (target: string, shape: number[]) => (tensors: TensorToWrite[]) =>
    tensors.map((tensor) => (tensor.name === target ? { ...tensor, shape } : tensor));

  test.each([
    ['transformer_blocks.1.attn2.to_out.0.weight', [16, 64], '[32, 32]'],
    ['transformer_blocks.1.norm1.linear.weight', [32, 288], '[288, 32]'],
    ['transformer_blocks.5.norm1_context.linear.weight', [32, 64], '[64, 32]'],
    ['pos_embed.pos_embed', [1, 32, 144], '[1, 144, 32]'],
  ])('a wrong shape of %s is named with both shapes', async (tensor, shape, expected) => {
    expect(await refused(reshaped(tensor, shape))).toMatchObject({
      code: 'weight-misshapen',
      details: {
        file: expect.any(String),
        tensor,
        found: `[${shape.join(', ')}]`,
        expected: expect.stringContaining(expected),
      },
    });
  });

  test('a block that lacks its second attention is named', async () => {
    const tensor = 'transformer_blocks.1.attn2.norm_q.weight';
    expect(await refused((all) => all.filter(({ name }) => name !== tensor))).toMatchObject({
      code: 'weight-missing',
      details: { tensor, expected: '[8]' },
    });
  });

  test.each([
    [
      'pooled_projections',
      (all: TensorToWrite[]) => all.filter(({ name }) => name !== 'pooled_projections'),
      '[2, 64]',
    ],
    [
      'encoder_hidden_states',
      (all: TensorToWrite[]) => all.filter(({ name }) => name !== 'encoder_hidden_states'),
      '[2, text tokens, 32]',
    ],
    ['pooled_projections', reshaped('pooled_projections', [1, 128]), '[2, 64]'],
    ['hidden_states', reshaped('hidden_states', [2, 15, 16]), '[samples, 4, height, width]'],
    ['hidden_states', reshaped('hidden_states', [4, 2, 6, 10]), '[4, 4, 6, 10]'],
    ['hidden_states', reshaped('hidden_states', [2, 4, 2, 30]), 'at most 12 × 12 patches, by pos_embed_max_size'],
    ['hidden_states', reshaped('hidden_states', [2, 4, 60, 1]), 'at least one'],
    ['timestep', reshaped('timestep', [2, 1]), '[2]'],
  ])('inputs without a usable %s are refused, naming what is expected', async (tensor, change, expected) => {
    await tasks.openModel({ source: sourceOf(tiny.files) }, quiet);
    const inputs = { path: 'in.safetensors', blob: new Blob([forwardFile(golden, change)]) };
    await expect(tasks.forward({ inputs }, quiet)).rejects.toMatchObject({
      code: 'inputs-invalid',
      details: {
        file: 'in.safetensors',
        tensor,
        found: expect.any(String),
        expected: expect.stringContaining(expected),
      },
    });
    // Nothing is lost: the next file runs.
    const sound = { path: 'in.safetensors', blob: new Blob([forwardFile(golden)]) };
    expect((await tasks.forward({ inputs: sound }, quiet)).shape).toEqual([2, 4, 6, 10]);
  });
});
