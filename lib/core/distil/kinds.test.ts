/**
 * Holds the trainer to PyTorch for one student of each kind of block (goldens/README.md): losses and gradients, and ten optimizer
 * steps. Where the interval ends with a block whose text nothing reads, no loss has a text.
 */
import { readdirSync, readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import type { GoldenSpec } from '../model/family.ts';
import { goldenInputs, goldenModel } from '../model/golden-fill.ts';
import { openTransformer } from '../model/index.ts';
import { DEFAULT_DISTIL, DISTIL_LOSSES } from '../run/settings.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { distilInterval, weightSetOf } from './distil-interval.ts';
import { asStored, deviationOf, type GoldenTensors } from './goldens/compare.ts';
import {
  expectClose,
  expectCurve,
  expectWithin,
  type GoldenStep,
  GRADIENT_TOLERANCE,
  recordedRun,
} from './goldens/recorded-run.ts';
import { lossAndGradients } from './gradients.ts';
import { streamLoss } from './losses.ts';
import { flatten, layoutOf, unflatten } from './parameters.ts';
import { streamsAfter } from './stand-in-errors.ts';
import { startWeights } from './student.ts';
import { releaseBatch, teacherBatch } from './teacher-states.ts';

/**
 * PyTorch's float32: 1.1e-3 of the root mean square of ten steps' change in SD3's last block, whose second largest is 7e-5. AdamW
 * divides small gradients by their own size, and what is rounding then counts as much as what is not.
 */
const CHANGE_TOLERANCE = 5e-3;

interface Losses {
  readonly image: number;
  readonly text?: number;
}
interface Golden {
  readonly config: GoldenSpec['config'];
  readonly interval: { readonly first: number; readonly last: number };
  readonly batch: number;
  readonly imageTokens: number;
  readonly textTokens: number;
  readonly imageShapes: GoldenSpec['inputs']['imageShapes'];
  readonly timestep: readonly number[];
  readonly guidance: number;
  readonly magnitudeWeight: number;
  readonly optimizer: Pick<
    typeof DEFAULT_DISTIL,
    'learningRate' | 'warmupSteps' | 'steps' | 'beta1' | 'beta2' | 'epsilon' | 'weightDecay' | 'clipNorm'
  >;
  readonly losses: Readonly<Record<string, Losses & { readonly gradient: GoldenTensors }>>;
  readonly steps: {
    readonly loss: string;
    readonly heldOut: Losses;
    readonly curve: readonly GoldenStep[];
    readonly change: GoldenTensors;
  };
}

const folder = new URL('goldens/', import.meta.url);
const goldens = readdirSync(folder)
  .filter((name) => /^kind-.*\.json$/.test(name))
  .map((name) => {
    const golden: Golden = JSON.parse(readFileSync(new URL(name, folder), 'utf8'));
    return [name.slice('kind-'.length, -'.json'.length), golden] as const;
  });
const lossNamed = (name: string) => DISTIL_LOSSES.find((known) => known === name)!;

describePerEngine(['tensorflow', 'wasm', 'cpu'], 'the trainer against PyTorch', (engine) => {
  const open = async (golden: Golden) => {
    const { batch, imageTokens, textTokens, imageShapes, guidance } = golden;
    const teacher = goldenModel(golden.config);
    const layout = { batch, imageTokens, textTokens, mask: null, imageShapes, guidance };
    const timestep = Float32Array.from(golden.timestep);
    return {
      transformer: await openTransformer(teacher.config, teacher.checkpoint),
      inputsOf: (number: number) => goldenInputs({ ...layout, timestep }, teacher.config, number),
    };
  };

  test.each(goldens)('has the losses and gradients of the kind %s', async (_, golden) => {
    const { transformer, inputsOf } = await open(golden);
    const { first, last } = golden.interval;
    const batch = await teacherBatch(transformer, inputsOf(0), { before: first - 1, after: last });
    const block = await startWeights(transformer, golden.interval, first);
    const layout = layoutOf(block.entries());
    const weights = flatten(new Map(block.entries()), layout);
    const streams = streamsAfter(transformer, golden.interval);
    for (const [name, { gradient, ...expected }] of Object.entries(golden.losses)) {
      const settings = { loss: lossNamed(name), magnitudeWeight: golden.magnitudeWeight };
      const { losses, gradients } = lossAndGradients(weights, (vectors) => {
        const own = weightSetOf(unflatten(vectors, layout));
        const student = transformer.applyBlock(first, own, batch.before, batch.context, 'updated');
        return Object.fromEntries(
          streams.map(({ id }) => [id, streamLoss(student[id]!, batch.after[id]!, null, settings)]),
        );
      });
      expect(Object.keys(losses)).toEqual(Object.keys(expected));
      for (const [id, value] of Object.entries(expected)) {
        expectClose((await losses[id]!.data())[0]!, value, `${name} of ${id}`);
      }
      const byName = unflatten(gradients, layout);
      expectWithin(deviationOf(await asStored(byName), gradient), GRADIENT_TOLERANCE, `gradient of ${name}`);
      tf.dispose([...Object.values(losses), ...gradients, ...byName.values()]);
    }
    tf.dispose([...weights]);
    block.dispose();
    releaseBatch(transformer, batch);
    transformer.dispose();
  });

  // The optimizer is the same for all kinds; the slow engine takes the one whose start is converted.
  const stepped = engine === 'cpu' ? goldens.filter(([name]) => name === 'sd3-last') : goldens;
  test.each(stepped)('takes ten steps with a student of the kind %s and ends at its weights', async (_, golden) => {
    const { transformer, inputsOf } = await open(golden);
    const { first } = golden.interval;
    const start = await asStored(new Map([...(await startWeights(transformer, golden.interval, first)).entries()]));
    const run = recordedRun(transformer, inputsOf(0), (index) => inputsOf(1 + index), golden.batch);
    await distilInterval({
      ...run.given,
      interval: golden.interval,
      settings: {
        ...DEFAULT_DISTIL,
        ...golden.optimizer,
        schedule: 'cosine',
        magnitudeWeight: golden.magnitudeWeight,
        start: 'first',
        heldOutSamples: golden.batch,
        loss: lossNamed(golden.steps.loss),
        accumulation: 1,
        ema: null,
        batch: golden.batch,
      },
      shared: null,
      leading: null,
    });
    expectCurve(run.points, golden.steps.curve);
    const change = await run.change(async (name) => start.get(name)!.values);
    expectWithin(deviationOf(change, golden.steps.change), CHANGE_TOLERANCE, 'change of the weights');
    const { student } = run.heldOut.find(({ step }) => step === 0)!;
    const { image, text } = golden.steps.heldOut;
    expectClose(student.image!.direction, image, 'held-out image error');
    if (text === undefined) expect(student.text).toBeNull();
    else expectClose(student.text!.direction, text, 'held-out text error');
    transformer.dispose();
  });
});
