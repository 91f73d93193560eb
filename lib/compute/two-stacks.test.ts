/** A model of two stacks (FLUX.1, FLUX.2) goes the whole way: opened, analysed, chosen from, distilled, plugged, tuned, exported. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_RIDGE } from '../core/analysis/index.ts';
import { type TensorToWrite, writeSafetensors } from '../core/checkpoint/index.ts';
import { DEFAULT_DETECTION, detectIntervals } from '../core/detection/index.ts';
import { runEdit } from '../core/edit/index.ts';
import { studentFolder } from '../core/export/index.ts';
import { openTeacher } from '../core/export/open-teacher.ts';
import type { ModelSummary } from '../core/folder/model-summary.ts';
import { openModel } from '../core/folder/open-model.ts';
import type { GoldenSpec } from '../core/model/family.ts';
import { FLUX_GOLDENS } from '../core/model/flux/goldens.ts';
import { FLUX2_GOLDENS } from '../core/model/flux2/goldens.ts';
import { type GoldenCase, goldenCase, seamsOf } from '../core/model/index.ts';
import { buildPlan } from '../core/plan/index.ts';
import { parseReport } from '../core/report/index.ts';
import { DEFAULT_DISTIL, DEFAULT_FINE_TUNE } from '../core/run/index.ts';
import { forwardFile, type TinyModel, tinyModel } from '../testing/tiny-model.ts';
import { nodeEngines } from './engines/node-engines.ts';
import { openSource } from './folder/file-host.ts';
import { nodeFiles } from './folder/node-files.ts';
import type { ModelSource } from './protocol.ts';
import { createTasks } from './tasks.ts';

interface TwoStacks {
  readonly family: string;
  readonly spec: GoldenSpec;
  /** Tensors and shapes that are not theirs, and those that are. */
  readonly misshapen: readonly (readonly [tensor: string, found: readonly number[], expected: string])[];
  readonly beyond: readonly string[];
  readonly ids: readonly [image: string, text: string];
  /** An input that is left out, and its shape. */
  readonly required: readonly (readonly [tensor: string, shape: string])[];
  readonly sample: readonly number[];
}
const FAMILIES: readonly TwoStacks[] = [
  {
    family: 'flux',
    spec: FLUX_GOLDENS.find(({ name }) => name === 'F2')!,
    misshapen: [
      ['transformer_blocks.1.ff_context.net.2.weight', [128, 32], '[32, 128]'],
      ['single_transformer_blocks.2.proj_out.weight', [160, 32], '[32, 160]'],
    ],
    beyond: ['transformer_blocks.3.norm1.linear.bias', 'single_transformer_blocks.4.proj_mlp.bias'],
    ids: ['[15, 3]', '[7, 3]'],
    required: [
      ['guidance', '[1]'],
      ['pooled_projections', '[1, 32]'],
    ],
    sample: [1, 15, 4],
  },
  {
    family: 'flux2',
    spec: FLUX2_GOLDENS.find(({ name }) => name === 'FL2-1')!,
    misshapen: [
      ['transformer_blocks.1.ff_context.linear_in.weight', [32, 192], '[192, 32]'],
      ['single_transformer_blocks.2.attn.to_qkv_mlp_proj.weight', [32, 288], '[288, 32]'],
      ['double_stream_modulation_txt.linear.weight', [32, 192], '[192, 32]'],
    ],
    beyond: ['transformer_blocks.3.attn.to_q.weight', 'single_transformer_blocks.4.attn.to_out.weight'],
    ids: ['[15, 4]', '[7, 4]'],
    required: [['guidance', '[1]']],
    sample: [1, 15, 8],
  },
];

const DUAL = { first: 0, last: 1 };
const SINGLE = { first: 4, last: 6 };
const quiet = { signal: new AbortController().signal, stop: new AbortController().signal, onProgress: () => {} };
const settings = { ...DEFAULT_DISTIL, steps: 3, batch: 2, warmupSteps: 1, heldOutSamples: 2, checkpointEvery: 2 };

describe.each(FAMILIES)(
  'a model of two stacks ($family)',
  ({ family, spec, misshapen, beyond, ids: [imageIds, textIds], required, sample }) => {
    const golden: GoldenCase = goldenCase({ ...spec, config: { ...spec.config, num_layers: 3, num_single_layers: 4 } });
    const axes = JSON.parse(imageIds)[1] as number;
    let folder: string;
    let tiny: TinyModel;
    let summary: ModelSummary;
    let tasks: ReturnType<typeof createTasks>;
    const sourceOf = (files: TinyModel['files']): Extract<ModelSource, { kind: 'files' }> => ({
      kind: 'files',
      name: 'two stacks',
      files: Object.entries(files).map(([path, bytes]) => ({ path: `transformer/${path}`, blob: new Blob([bytes]) })),
    });
    const urlOf = (name: string) => pathToFileURL(join(folder, name)).href;
    const studentOf = (name: string, interval: typeof DUAL) => ({
      ...runEdit(interval, 'student'),
      by: 'student' as const,
      file: { path: `${name}.safetensors`, url: `${urlOf(name)}/student.safetensors` },
    });
    const studentsNow = () => [studentOf('dual', DUAL), studentOf('single', SINGLE)];
    const tried = { probes: null, pictures: 0, steps: 1, guidance: 1, seed: 1, data: { kind: 'synthetic' } } as const;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'contigua-two-stacks-'));
      for (const name of ['dual', 'single', 'tuned']) await mkdir(join(folder, name));
      tasks = createTasks({ engines: nodeEngines(), files: nodeFiles });
      await tasks.startEngine({ wanted: 'wasm' }, quiet);
      tiny = await tinyModel((all) => all, golden);
      summary = await tasks.openModel({ source: sourceOf(tiny.files) }, quiet);
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));

    test('its blocks are told one by one, with the seam between the stacks', () => {
      expect(summary).toMatchObject({ family, numBlocks: 7, embedsGuidance: true });
      expect(summary.stacks.map(({ id, first, last }) => [id, first, last])).toEqual([
        ['dual', 0, 2],
        ['single', 3, 6],
      ]);
      expect(summary.blocks.map(({ kind }) => kind).join(' ')).toBe('dual dual dual single single single single');
      expect(summary.blocks.map(({ updates }) => updates.length)).toEqual([2, 2, 2, 2, 2, 2, 1]);
      expect(summary.globalParameters + summary.blocks.reduce((sum, { parameters }) => sum + parameters, 0)).toBe(
        summary.parameters,
      );
    });

    test('an analysis detects no interval across the seam, and the last text takes no part', async () => {
      const calibration = { kind: 'synthetic', samples: 4, timesteps: 2, seed: 1 } as const;
      const probes = { calibration, ridge: DEFAULT_RIDGE, split: 'prompt-groups' } as const;
      const report = await tasks.analyse({ calibration }, quiet);
      expect(seamsOf(report.model.stacks)).toEqual([3]);
      expect(parseReport(JSON.stringify(report), 'report.json')).toEqual(report);
      for (const { first, last } of detectIntervals(report, DEFAULT_DETECTION))
        expect(first < 3 && last >= 3).toBe(false);
      expect(report.streams.text!.probeR2.map((r2) => r2 === null)).toEqual([0, 0, 0, 0, 0, 0, 1].map(Boolean));
      await expect(
        tasks.damage({ edits: [runEdit({ first: 2, last: 3 }, 'nothing')], probes }, quiet),
      ).rejects.toMatchObject({
        code: 'plan-invalid',
        details: { hint: expect.stringContaining('different stacks') },
      });
      const [damage] = await tasks.damage({ edits: [runEdit(SINGLE, 'nothing')], probes }, quiet);
      expect(damage!.outputError).toBeGreaterThan(0);
    });

    test('students of both stacks are trained, plugged in, tuned together and exported', async () => {
      for (const [name, interval] of [
        ['dual', DUAL],
        ['single', SINGLE],
      ] as const) {
        const result = await tasks.distil(
          {
            edit: runEdit(interval, 'student'),
            settings,
            data: { kind: 'synthetic' },
            cache: null,
            before: [],
            resume: null,
            saveTo: urlOf(name),
          },
          quiet,
        );
        // The interval that ends the model has no text to compare.
        expect(result.heldOut.student.text === null).toBe(name === 'single');
      }
      const students = studentsNow();
      const teacher = await tasks.tryEdits({ edits: [], fineTuned: null, ...tried }, quiet);
      expect(teacher.outputError).toBe(0);
      const plugged = await tasks.tryEdits({ edits: students, fineTuned: null, ...tried }, quiet);
      expect(plugged.outputError).toBeGreaterThan(0);
      await expectMixed(plugged.outputError);
      const tuning = { ...DEFAULT_FINE_TUNE, steps: 30, batch: 2, warmupSteps: 1 };
      const tuned = await tasks.fineTune(
        { edits: students, settings: tuning, data: { kind: 'synthetic' }, resume: null, saveTo: urlOf('tuned') },
        quiet,
      );
      const fineTuned = { path: 'tuned.safetensors', url: tuned.student.url };
      const after = await tasks.tryEdits({ edits: students, fineTuned, ...tried }, quiet);
      expect(after.outputError).toBeLessThan(plugged.outputError);

      const opened = await openModel({ ...sourceOf(tiny.files), isPicked: true });
      const plan = buildPlan({
        model: opened.summary,
        report: null,
        edits: students,
        detection: DEFAULT_DETECTION,
      });
      expect(plan.blocks).toEqual({ before: 7, after: 4 });
      const files = await studentFolder({
        teacher: await openTeacher(sourceOf(tiny.files).files, 'two stacks'),
        plan,
        students: await Promise.all(
          students.map(async ({ first, last, file }) => ({
            interval: { first, last },
            file: await openSource(file, nodeFiles),
          })),
        ),
        fineTuned: null,
        run: null,
      });
      const exported = await openModel({ name: 'student', files, isPicked: true });
      expect(exported.config.raw).toMatchObject({ num_layers: 2, num_single_layers: 2 });
      expect(exported.summary.parameters).toBe(plan.parameters.after);
    });

    /** A student beside probes and beside nothing, in whatever order they are named. */
    async function expectMixed(bothPlugged: number) {
      const dual = studentOf('dual', DUAL);
      const probes = {
        calibration: { kind: 'synthetic', samples: 4, timesteps: 2, seed: 1 },
        ridge: DEFAULT_RIDGE,
        split: 'prompt-groups',
      } as const;
      const by = <R extends 'nothing' | 'probes'>(replacement: R) =>
        ({ ...SINGLE, on: 'run', by: replacement }) as const;
      const errorOf = async (edits: Parameters<typeof tasks.tryEdits>[0]['edits']) =>
        (await tasks.tryEdits({ ...tried, edits, probes, fineTuned: null }, quiet)).outputError;
      const before = tf.memory().numTensors;
      const errors = {
        alone: await errorOf([dual]),
        besideProbes: await errorOf([by('probes'), dual]),
        besideNothing: await errorOf([dual, by('nothing')]),
        probesAlone: await errorOf([by('probes')]),
        bothPlugged,
      };
      expect(new Set(Object.values(errors)).size).toBe(5);
      for (const error of Object.values(errors)) expect(error).toBeGreaterThan(0);
      expect(await errorOf([dual, by('probes')])).toBe(errors.besideProbes);
      expect(tf.memory().numTensors).toBe(before);

      await expect(
        tasks.tryEdits({ ...tried, edits: [dual, by('probes')], fineTuned: null }, quiet),
      ).rejects.toMatchObject({ code: 'not-ready' });
      const fineTuned = { path: 'tuned', url: urlOf('tuned') };
      await expect(
        tasks.tryEdits({ ...tried, edits: [dual, by('probes')], probes, fineTuned }, quiet),
      ).rejects.toMatchObject({ code: 'plan-invalid', details: { found: '0-1 student, 4-6 probes' } });
      // The times of the same edits are measured too.
      const timing = await tasks.measure({ edits: [dual, by('probes')], probes }, quiet);
      expect(timing.prunedMs).toBeGreaterThan(0);
      expect(tf.memory().numTensors).toBe(before);
    }

    describe('bad input of its own', () => {
      const refused = async (change: (tensors: TensorToWrite[]) => TensorToWrite[]) => {
        const { files } = await tinyModel(change, golden);
        return await tasks.openModel({ source: sourceOf(files) }, quiet).catch((thrown: unknown) => thrown);
      };
      const reshaped = (target: string, shape: readonly number[]) => (tensors: TensorToWrite[]) =>
        tensors.map((tensor) => (tensor.name === target ? { ...tensor, shape: [...shape] } : tensor));

      test.each(misshapen)('a wrong shape of %s is named with both shapes', async (tensor, shape, expected) => {
        expect(await refused(reshaped(tensor, shape))).toMatchObject({
          code: 'weight-misshapen',
          details: { tensor, found: `[${shape.join(', ')}]`, expected: expect.stringContaining(expected) },
        });
      });

      test('a block too many in either stack is named', async () => {
        for (const tensor of beyond) {
          const extra = { name: tensor, dtype: 'F32', shape: [1], bytes: new Uint8Array(4) } as const;
          expect(await refused((all) => [...all, extra])).toMatchObject({
            code: 'weight-misshapen',
            details: { tensor },
          });
        }
      });

      test('an index that names a tensor in the wrong shard is refused, naming both', async () => {
        const name = 'single_transformer_blocks.0.attn.norm_q.weight';
        const { files } = await tinyModel((all) => all, golden);
        const all = files['diffusion_pytorch_model.safetensors']!;
        const lying = 'diffusion_pytorch_model-00002-of-00002.safetensors';
        const tensor = { name: 'other', dtype: 'F32', shape: [1], bytes: new Uint8Array(4) } as const;
        const names = [...golden.checkpoint.tensors.keys()];
        const first = 'diffusion_pytorch_model-00001-of-00002.safetensors';
        const weight_map = Object.fromEntries([
          ...names.map((one) => [one, one === name ? lying : first]),
          ['other', lying],
        ]);
        const sharded = {
          'config.json': files['config.json']!,
          [first]: all,
          [lying]: new Uint8Array(writeSafetensors([tensor])),
          'diffusion_pytorch_model.safetensors.index.json': new TextEncoder().encode(JSON.stringify({ weight_map })),
        };
        await expect(tasks.openModel({ source: sourceOf(sharded) }, quiet)).rejects.toMatchObject({
          code: 'checkpoint-incomplete',
          details: { tensor: name, found: expect.stringContaining(first), expected: expect.stringContaining(lying) },
        });
      });

      const without = (target: string) => (all: TensorToWrite[]) => all.filter(({ name }) => name !== target);
      test.each([
        ...required.map(([name, shape]) => [name, without(name), shape] as const),
        ['img_ids', reshaped('img_ids', [15 * axes]), imageIds] as const,
        ['img_ids', reshaped('img_ids', [axes, 15]), imageIds] as const,
        ['txt_ids', reshaped('txt_ids', [7, 1, axes]), textIds] as const,
      ])('inputs without a usable %s are refused, naming what is expected', async (tensor, change, expected) => {
        const inputs = { path: 'in.safetensors', blob: new Blob([forwardFile(golden, change)]) };
        await expect(tasks.forward({ inputs }, quiet)).rejects.toMatchObject({
          code: 'inputs-invalid',
          details: { file: 'in.safetensors', tensor, expected },
        });
        // Nothing is lost: the next file runs.
        const sound = { path: 'in.safetensors', blob: new Blob([forwardFile(golden)]) };
        expect((await tasks.forward({ inputs: sound }, quiet)).shape).toEqual(sample);
      });
    });
  },
);
