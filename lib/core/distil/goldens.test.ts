/**
 * Holds the trainer to PyTorch: states, losses and gradients, ten optimizer steps, the fine-tune (goldens/README.md).
 * The references are float64's, the engines compute in float32; each tolerance is about ten times what float32 costs PyTorch
 * itself on the same case (the files' `float32`), as sums in other orders and products in blocks round differently.
 */
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, test } from 'vitest';
import { disposeState, openTransformer, routeWithStudents, type Transformer } from '../model/index.ts';
import { DEFAULT_DISTIL, DEFAULT_FINE_TUNE, DISTIL_LOSSES, type DistilSettings } from '../run/settings.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { distilInterval, weightSetOf } from './distil-interval.ts';
import { fineTune } from './fine-tune.ts';
import { asStored, deviationOf, type GoldenTensors, tensorDeviation, type Values } from './goldens/compare.ts';
import fineTuneGolden from './goldens/fine-tune.json' with { type: 'json' };
import { GOLDEN_INTERVAL, goldenBatch, goldenDistil } from './goldens/golden-distil.ts';
import losses from './goldens/losses.json' with { type: 'json' };
import {
  expectClose,
  expectCurve,
  expectWithin,
  GRADIENT_TOLERANCE,
  recordedRun,
  tensorsOf,
} from './goldens/recorded-run.ts';
import tenSteps from './goldens/ten-steps.json' with { type: 'json' };
import { lossAndGradients } from './gradients.ts';
import { streamLoss, tokenWeights } from './losses.ts';
import { flatten, layoutOf, unflatten } from './parameters.ts';
import { releaseBatch, type TeacherBatch, teacherBatch } from './teacher-states.ts';

/**
 * PyTorch's float32: 2.2e-6 of a state's root mean square. Every engine shows 1.1e-5: PyTorch's float32 exponential of two of
 * the 128 time frequencies is a step beside the correctly rounded one, which an angle of hundreds of radians makes large.
 */
const STATE_TOLERANCE = 2e-5;
/**
 * PyTorch's float32: 2.9e-4 of the root mean square of ten steps' change, the largest in the average's: the gains are about 1, so
 * that their rounding alone is 6e-8 against a change of 3e-3.
 */
const CHANGE_TOLERANCE = 2e-3;

/** Image rows, or text rows of the valid tokens alone. */
async function rows(tensor: tf.Tensor3D, mask: Uint8Array | null): Promise<Values> {
  const values = await tensor.data();
  const [batch, tokens, width] = tensor.shape;
  if (!mask) return { shape: [batch, tokens, width], values };
  const valid = [...mask.keys()].filter((token) => mask[token]);
  const kept = valid.flatMap((token) => [...values.subarray(token * width, (token + 1) * width)]);
  return { shape: [valid.length, width], values: kept };
}

describePerEngine(['tensorflow', 'wasm', 'cpu'], 'the trainer against PyTorch', (engine) => {
  const teacher = goldenDistil();
  let transformer: Transformer;
  let batch: TeacherBatch;
  beforeAll(async () => {
    transformer = await openTransformer(teacher.config, teacher.checkpoint);
    const boundary = { before: GOLDEN_INTERVAL.first - 1, after: GOLDEN_INTERVAL.last };
    batch = await teacherBatch(transformer, teacher.inputs, boundary);
  });
  afterAll(() => {
    releaseBatch(transformer, batch);
    transformer.dispose();
  });

  test('has the states that the student sees, that it should reach and that it starts from', async () => {
    const student = await transformer.runBlock(GOLDEN_INTERVAL.first, batch.before, batch.context);
    const { mask } = teacher.inputs;
    for (const [name, state] of Object.entries({ input: batch.before, target: batch.after, student })) {
      const golden = losses.states[name as keyof typeof losses.states];
      expectWithin(tensorDeviation(await rows(state.image!, null), golden.image), STATE_TOLERANCE, `${name}, image`);
      expectWithin(tensorDeviation(await rows(state.text!, mask), golden.text), STATE_TOLERANCE, `${name}, text`);
    }
    disposeState(student);
  });

  test.each(DISTIL_LOSSES)('has the loss %s of both streams and its gradient by every weight', async (loss) => {
    const { inputs, before, after, context } = batch;
    const golden = losses.losses[loss];
    const settings = { loss, magnitudeWeight: losses.magnitudeWeight };
    const block = await transformer.readBlock(GOLDEN_INTERVAL.first);
    const layout = layoutOf(block.entries());
    const weights = flatten(new Map(block.entries()), layout);
    const tokens = tokenWeights(inputs.mask, inputs.batch, inputs.textTokens);
    const { losses: found, gradients } = lossAndGradients(weights, (vectors) => {
      const student = transformer.applyBlock(
        GOLDEN_INTERVAL.first,
        weightSetOf(unflatten(vectors, layout)),
        before,
        context,
        'updated',
      );
      return {
        image: streamLoss(student.image!, after.image!, null, settings),
        text: streamLoss(student.text!, after.text!, tokens, settings),
      };
    });
    expectClose((await found.image!.data())[0]!, golden.image, 'image');
    expectClose((await found.text!.data())[0]!, golden.text, 'text');
    const byName = unflatten(gradients, layout);
    expectWithin(deviationOf(await asStored(byName), golden.gradient), GRADIENT_TOLERANCE, 'gradient');
    tf.dispose([...Object.values(found), tokens!, ...weights, ...gradients, ...byName.values()]);
    block.dispose();
  });

  const { learningRate, warmupSteps, steps, beta1, beta2, epsilon, weightDecay, clipNorm } = tenSteps.optimizer;
  const settings: DistilSettings = {
    ...DEFAULT_DISTIL,
    ...{ learningRate, warmupSteps, steps, beta1, beta2, epsilon, weightDecay, clipNorm },
    schedule: 'cosine',
    magnitudeWeight: tenSteps.magnitudeWeight,
    start: 'first',
    heldOutSamples: tenSteps.case.batch,
  };

  const all = Object.entries(tenSteps.variants);
  // The slow engine takes the variant that has clipping and averaging in it.
  const variants = engine === 'cpu' ? all.filter(([name]) => name === 'averaged') : all;
  test.each(variants)('takes the ten steps of the variant %s and ends at its weights', async (name, golden) => {
    const { accumulation, ema } = golden;
    const emaWarmup = 'emaWarmup' in golden && golden.emaWarmup;
    const form = name === 'edit' ? 'edit' : 'plain';
    const own = form === 'plain' ? teacher : goldenDistil(form);
    const distilled = form === 'plain' ? transformer : await openTransformer(own.config, own.checkpoint);
    const size = tenSteps.case.batch / accumulation;
    const run = recordedRun(
      distilled,
      own.inputs,
      (index) => {
        const part = index % accumulation;
        return goldenBatch(1 + Math.floor(index / accumulation), [part * size, (part + 1) * size], form);
      },
      size,
    );
    const loss = DISTIL_LOSSES.find((known) => known === golden.loss)!;
    await distilInterval({
      ...run.given,
      interval: GOLDEN_INTERVAL,
      settings: { ...settings, loss, accumulation, ema, emaWarmup, batch: size },
      shared: null,
      leading: null,
    });
    expectCurve(run.points, golden.curve);
    const change = await run.change(
      tensorsOf(own.checkpoint, (name) => `transformer_blocks.${GOLDEN_INTERVAL.first}.${name}`),
    );
    expectWithin(deviationOf(change, golden.change), CHANGE_TOLERANCE, 'change of the weights');
    // Measured on batch 0 before the first step, the direction error is the loss of that name.
    const { student } = run.heldOut.find(({ step }) => step === 0)!;
    expectClose(student.image!.direction, golden.heldOut.image, 'held-out image error');
    expectClose(student.text!.direction, golden.heldOut.text, 'held-out text error');
    if (distilled !== transformer) distilled.dispose();
  });

  /** Blocks of the student model: the teacher's 0, the student, the teacher's 3. */
  const TEACHER_BLOCKS = [0, GOLDEN_INTERVAL.first, GOLDEN_INTERVAL.last + 1];

  test('plugs a student in, and has the output of the student model', async () => {
    const weights = await transformer.readBlock(GOLDEN_INTERVAL.first);
    const route = routeWithStudents(teacher.config.numBlocks, [{ ...GOLDEN_INTERVAL, weights }]);
    const { shape } = fineTuneGolden.output.student;
    const ofTeacher = { shape, values: await transformer.forward(teacher.inputs) };
    const ofStudent = { shape, values: await transformer.forward(teacher.inputs, route) };
    weights.dispose();
    expectWithin(tensorDeviation(ofTeacher, fineTuneGolden.output.teacher), STATE_TOLERANCE, 'teacher');
    expectWithin(tensorDeviation(ofStudent, fineTuneGolden.output.student), STATE_TOLERANCE, 'student');
  });

  test.each([
    ['all', [0, 1, 2]],
    ['students', [1]],
  ] as const)('has the fine-tune loss and its gradient by every weight of %s', async (train, positions) => {
    const weights = await transformer.readBlock(GOLDEN_INTERVAL.first);
    const run = recordedRun(transformer, teacher.inputs, () => teacher.inputs, tenSteps.case.batch);
    // With an epsilon far above every gradient, the first step of AdamW takes off the gradient times rate/epsilon.
    const plain = { learningRate: 1e9, epsilon: 1e6, warmupSteps: 0, weightDecay: 0, clipNorm: null, ema: null };
    await fineTune({
      ...run.given,
      students: [{ ...GOLDEN_INTERVAL, weights }],
      studentsKey: 'golden',
      settings: { ...DEFAULT_FINE_TUNE, ...plain, schedule: 'constant', train, steps: 1, batch: tenSteps.case.batch },
    });
    weights.dispose();
    const golden = gradientOf(positions);
    expectClose(run.points[0]!.losses.image!, fineTuneGolden.loss, 'velocity error');
    expectClose(run.points[0]!.gradientNorm, golden.norm, 'gradient norm');
    const change = await run.change(
      tensorsOf(teacher.checkpoint, (name) =>
        name.replace(/(?<=^transformer_blocks\.)\d+/, (position) => String(TEACHER_BLOCKS[Number(position)])),
      ),
    );
    const gradient = new Map<string, Values>();
    for (const [name, { shape, values }] of change)
      gradient.set(name, { shape, values: Array.from(values, (v) => -v / 1000) });
    expectWithin(deviationOf(gradient, golden), GRADIENT_TOLERANCE, 'gradient');
  });
});

/** Of the student model's blocks at these positions together. */
function gradientOf(positions: readonly number[]): GoldenTensors {
  const blocks = positions.map((position) => ({ position, ...fineTuneGolden.gradients[position]! }));
  return {
    norm: Math.hypot(...blocks.map(({ norm }) => norm)),
    tensors: Object.fromEntries(
      blocks.flatMap(({ position, tensors }) =>
        Object.entries(tensors).map(([name, tensor]) => [`transformer_blocks.${position}.${name}`, tensor]),
      ),
    ),
  };
}
