/**
 * Holds the joint fine-tune of a narrower student to PyTorch: a student, linear maps in the place of feed-forward layers, a text group
 * around the student and two shared modulations, trained together (goldens/README.md). Tolerances are those of goldens.test.ts.
 */
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { editSetOf, ffnEdit, modulationEdit, runEdit, textStreamEdit } from '../edit/index.ts';
import { goldenModel, goldenValue } from '../model/golden-fill.ts';
import {
  editableModel,
  narrowBlocks,
  narrowSteps,
  openTransformer,
  type Route,
  stepsOf,
  type Transformer,
  WeightSet,
} from '../model/index.ts';
import { goldenQ1 } from '../model/qwen-image/goldens.ts';
import { DEFAULT_FINE_TUNE, type FineTuneSettings } from '../run/settings.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { fineTune } from './fine-tune.ts';
import { deviationOf, type GoldenTensors, type Values } from './goldens/compare.ts';
import { goldenBatch } from './goldens/golden-distil.ts';
import golden from './goldens/joint.json' with { type: 'json' };
import {
  expectClose,
  expectCurve,
  expectWithin,
  GRADIENT_TOLERANCE,
  recordedRun,
  tensorsOf,
} from './goldens/recorded-run.ts';
import { rankedEdits, rankTensors, type SharedFit } from './train-modulations.ts';

/** PyTorch's float32: 9.5e-5 of the root mean square of ten steps' change. */
const CHANGE_TOLERANCE = 1e-3;

const { blocks, samples, size, firstIndex, maps, modulations } = golden.case;
const [first, last] = golden.case.interval as [number, number];
const [groupFirst, groupLast] = golden.case.group as [number, number];
const teacher = goldenModel({ ...goldenQ1().config.raw, num_layers: blocks });
const { width } = teacher.config;
const RANKED = modulations.map((one) => modulationEdit({ rank: one.rank }, one.blocks));
const EDITS = editSetOf(
  [
    runEdit({ first, last }, 'student'),
    textStreamEdit({ first: groupFirst, last: groupLast }),
    ffnEdit(0, 'image'),
    ffnEdit(first, 'image'),
    ...RANKED,
  ],
  editableModel(teacher.config),
  'the golden case',
);
/** Index in the teacher, by position in the student model. */
const KEPT = Array.from({ length: blocks }, (_, index) => index).filter((index) => index <= first || index > last);

/** What is filled beside the model, by the names of the fine-tuned file and in its layout, in the generator's order. */
const FILLED = new Map<string, Values & { readonly values: Float32Array }>();
for (const [name, shape] of [
  ...maps.flatMap((map) => [[`${map}.weight`, [width, width]] as const, [`${map}.bias`, [width]] as const]),
  ...modulations.flatMap(({ rank }, place) => [
    [`modulation.${place}.basis`, [rank, width]] as const,
    [`modulation.${place}.directions`, [rank, width]] as const,
    [`modulation.${place}.mean`, [width]] as const,
  ]),
]) {
  const index = firstIndex + FILLED.size;
  const length = shape.reduce((product, side) => product * side, 1);
  const values = Float32Array.from({ length }, (_, k) => size * Math.fround(goldenValue(k, index)));
  FILLED.set(name, { shape, values });
}

const FITS = RANKED.map((edit, place): SharedFit => {
  const part = (name: string) => FILLED.get(`modulation.${place}.${name}`)!.values;
  return { edit, parts: { basis: part('basis'), directions: part('directions'), mean: part('mean') } };
});

function mapsOf(block: number): WeightSet {
  const set = new WeightSet();
  for (const [name, { values }] of FILLED) {
    if (!name.startsWith(`${block}.`)) continue;
    const isMatrix = name.endsWith('.weight');
    const tensor = isMatrix ? tf.tidy(() => tf.transpose(tf.tensor2d(values, [width, width]))) : tf.tensor1d(values);
    set.add(name.slice(`${block}.`.length), tensor);
  }
  return set;
}

const ranked = new Map<string, ArrayLike<number>>();
/** Where training starts, by the names of the file. */
async function startValues(name: string): Promise<ArrayLike<number>> {
  const [, place, part] = /^modulation\.(\d+)\.(.+)$/.exec(name) ?? [];
  if (part !== undefined) return ranked.get(`${place}.${part}`)!;
  const ofBlock = (full: string) =>
    full.replace(/(?<=^transformer_blocks\.)\d+/, (position) => String(KEPT[Number(position)]));
  return FILLED.get(name)?.values ?? (await tensorsOf(teacher.checkpoint, ofBlock)(name));
}
/** Golden tensors of some names, as a file of these alone holds them. */
function withNames({ tensors }: GoldenTensors, keep: (name: string) => boolean): GoldenTensors {
  const kept = Object.entries(tensors).filter(([name]) => keep(name));
  return { norm: Math.hypot(...kept.map(([, { norm }]) => norm)), tensors: Object.fromEntries(kept) };
}

describePerEngine(
  ['tensorflow', 'wasm', 'cpu'],
  'the joint fine-tune of a narrower student against PyTorch',
  (engine) => {
    let transformer: Transformer;
    let student: WeightSet;
    let route: Route;
    let owned: readonly WeightSet[] = [];
    beforeAll(async () => {
      transformer = await openTransformer(teacher.config, teacher.checkpoint);
      student = await transformer.readBlock(first);
      const narrow = narrowBlocks(
        transformer.architecture,
        EDITS.filter(({ on }) => on !== 'modulation'),
      );
      const sets = new Map(
        [...narrow.values()].flatMap((one) => (one.maps.length > 0 ? [[one.index, mapsOf(one.index)]] : [])),
      );
      owned = [student, ...sets.values()];
      const students = [{ first, last, weights: student }];
      const steps = stepsOf(blocks, [runEdit({ first, last }, 'student')], { students });
      route = narrowSteps(steps, narrow, (block) => sets.get(block)!).filter((step) => step !== null);
      for (const [name, tensor] of rankTensors(rankedEdits(FITS), width)) {
        ranked.set(name, await tensor.data());
        tensor.dispose();
      }
    });
    afterAll(() => {
      for (const set of owned) set.dispose();
      transformer.dispose();
    });

    /** On the batches from `firstBatch` on. */
    async function tuned(firstBatch: number, changes: Partial<FineTuneSettings>) {
      const inputs = (index: number) => goldenBatch(firstBatch + index, [0, samples]);
      const run = recordedRun(transformer, inputs(0), inputs, samples);
      await fineTune({
        ...run.given,
        students: [{ first, last, weights: student }],
        narrow: { edits: EDITS, route, modulations: FITS },
        studentsKey: 'golden',
        settings: { ...DEFAULT_FINE_TUNE, batch: samples, ...changes },
      });
      return { points: run.points, change: await run.change(startValues) };
    }

    test.each(['all', 'students'] as const)(
      'has its loss and the gradient by every weight and mean of %s',
      async (train) => {
        // With an epsilon far above every gradient, the first step of AdamW takes off the gradient times rate/epsilon.
        const plain = { learningRate: 1e9, epsilon: 1e6, warmupSteps: 0, weightDecay: 0, clipNorm: null };
        const { points, change } = await tuned(0, { ...plain, schedule: 'constant', train, steps: 1 });
        const ofBlocks = `transformer_blocks.${KEPT.indexOf(first)}.`;
        const isTrained = (name: string) =>
          train === 'all' || !name.startsWith('transformer_blocks.') || name.startsWith(ofBlocks);
        const expected = withNames(golden.gradient, isTrained);
        expectClose(points[0]!.losses.image!, golden.loss, 'velocity error');
        expectClose(points[0]!.gradientNorm, expected.norm, 'gradient norm');
        const gradient = new Map<string, Values>();
        for (const [name, { shape, values }] of change)
          gradient.set(name, { shape, values: Array.from(values, (v) => -v / 1000) });
        expectWithin(deviationOf(gradient, expected), GRADIENT_TOLERANCE, 'gradient');
      },
    );

    // The slow engine has no more to show than that its gradients are right.
    if (engine === 'cpu') return;
    test('takes ten steps and ends at its weights', async () => {
      const { learningRate, warmupSteps, steps, beta1, beta2, epsilon, weightDecay, clipNorm } = golden.optimizer;
      const optimizer = { learningRate, warmupSteps, steps, beta1, beta2, epsilon, weightDecay, clipNorm };
      const { points, change } = await tuned(1, { ...optimizer, schedule: 'cosine', train: 'all' });
      expectCurve(points, golden.curve);
      // Weights that no loss reaches are decayed alone, and no output depends on them.
      const reached = new Map([...change].filter(([name]) => name in golden.change.tensors));
      expect(change.size - reached.size).toBe(
        Object.values(golden.gradient.tensors).filter(({ norm }) => norm === 0).length,
      );
      expectWithin(deviationOf(reached, golden.change), CHANGE_TOLERANCE, 'change of the weights');
    });
  },
);
