/** The trainer of shared modulations on the golden model of two blocks. */
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import {
  bytesOf,
  type RecordedTraining,
  recordTraining,
  resultOf,
  SHORT_TRAINING,
  TIMESTEPS,
} from '../../testing/narrower-blocks.ts';
import { type ModulationEdit, modulationEdit } from '../edit/index.ts';
import { openTransformer, routeOf, type Transformer } from '../model/index.ts';
import { goldenQ1 } from '../model/qwen-image/goldens.ts';
import { fitModulations, modulationsFile, sharedModel } from '../modulation/index.ts';
import type { DistilSettings } from '../run/settings.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { type ModulationStart, trainModulations } from './train-modulations.ts';
import { syntheticBatches, type TrainingBatches } from './training-data.ts';

const { config, checkpoint } = goldenQ1();
const settings = SHORT_TRAINING;
const batches = syntheticBatches(config, { batch: settings.batch, seed: 0 });

async function startsOf(transformer: Transformer, edits: readonly ModulationEdit[]): Promise<ModulationStart[]> {
  const starts: ModulationStart[] = [];
  for (const edit of edits) {
    const fit = await fitModulations({ config, checkpoint }, transformer, {
      blocks: edit.blocks,
      timesteps: TIMESTEPS,
    });
    const rank = 'rank' in edit.by ? edit.by.rank : 1;
    starts.push({ edit, parts: fit.partsAt(rank), error: fit.errors[rank]! });
  }
  return starts;
}

interface Changes {
  readonly settings?: Partial<DistilSettings>;
  readonly batches?: TrainingBatches;
  readonly resume?: Blob;
  readonly stopAfter?: number;
}

async function trained(transformer: Transformer, starts: readonly ModulationStart[], changes: Changes = {}) {
  const { resume, stopAfter } = changes;
  return await recordTraining(
    async (host) =>
      await trainModulations({
        transformer,
        fingerprint: 'golden',
        starts,
        route: routeOf(config.numBlocks, []),
        restsOn: '',
        settings: { ...settings, ...changes.settings },
        batches: changes.batches ?? batches,
        resume: resume ? { path: 'state', blob: resume } : null,
        ...host,
      }),
    stopAfter,
  );
}

const outputErrors = ({ events }: RecordedTraining) =>
  events.flatMap((event) => (event.kind === 'held-out' ? event.point.student.image!.relative : []));

describePerEngine(['wasm', 'tensorflow'], 'shared modulations in training', () => {
  test('begin at the closed form as an export reads it, err less at the end, and leave no tensor behind', async () => {
    const transformer = await openTransformer(config, checkpoint);
    for (let block = 0; block < config.numBlocks; block++) await transformer.loadBlock(block);
    const starts = await startsOf(transformer, [modulationEdit({ rank: 2 })]);
    const before = tf.memory().numTensors;
    const run = await trained(transformer, starts, { settings: { steps: 40, heldOutEvery: 20 } });
    expect(tf.memory().numTensors).toBe(before);
    const [first, , last] = outputErrors(run);
    expect(last).toBeLessThan(0.99 * first!);
    expect(resultOf(run)).toMatchObject({ kept: 'trained', steps: 40, fitError: starts[0]!.error });
    // What was measured is what the model with shared modulations gives.
    const of = { fingerprint: 'golden', family: config.family, width: config.width };
    const heldOut = batches.heldOut(settings.heldOutSamples);
    for (const [error, file] of [
      [first, modulationsFile(starts, of)],
      [last, { path: 'trained', blob: run.files.get('modulations.safetensors')! }],
    ] as const) {
      const edits = starts.map(({ edit }) => edit);
      const shared = await sharedModel({ config, checkpoint, fingerprint: 'golden' }, edits, file);
      const edited = await openTransformer(shared.config, shared.checkpoint);
      let [difference, total] = [0, 0];
      for (const inputs of heldOut) {
        const [whole, found] = [await transformer.forward(inputs), await edited.forward(inputs)];
        for (const [i, value] of whole.entries()) {
          difference += (value - found[i]!) ** 2;
          total += value ** 2;
        }
      }
      edited.dispose();
      expect(Math.sqrt(difference / total)).toBeCloseTo(error!, 4);
    }
    transformer.dispose();
  });

  test('have the gradient of the loss along its own direction', async () => {
    const transformer = await openTransformer(config, checkpoint);
    const starts = await startsOf(transformer, [modulationEdit({ rank: 2 })]);
    // The held-out error is the loss of the batch then, in units of the output.
    const one = { ...batches, heldOut: () => [batches.inputs(0)] };
    // With an epsilon far above every gradient, the first step of AdamW takes off the gradient times rate / epsilon.
    const plain = { epsilon: 1e6, warmupSteps: 0, weightDecay: 0, clipNorm: null, ema: null, steps: 1 };
    const at = async (distance: number) => {
      const rate = { ...plain, schedule: 'constant', learningRate: -distance * plain.epsilon } as const;
      const run = await trained(transformer, starts, { settings: rate, batches: one });
      const [point] = run.events.flatMap((event) => (event.kind === 'steps' ? event.points : []));
      const [before, after] = outputErrors(run);
      const { losses, gradientNorm } = point!;
      return { norm: gradientNorm, loss: losses.image! * (after! / before!) ** 2 };
    };
    const distance = 1e-3;
    const [above, below] = [await at(distance), await at(-distance)];
    const slope = (above.loss - below.loss) / (2 * distance);
    expect(above.norm).toBeGreaterThan(1e-3);
    expect(slope / above.norm ** 2).toBeGreaterThan(0.99);
    expect(slope / above.norm ** 2).toBeLessThan(1.01);
    transformer.dispose();
  });

  test('of several edits are trained together, each for its own blocks, and keep the start where training makes them worse', async () => {
    const transformer = await openTransformer(config, checkpoint);
    const starts = await startsOf(transformer, [modulationEdit({ rank: 2 }, [0]), modulationEdit({ rank: 1 }, [1])]);
    const run = await trained(transformer, starts, { settings: { steps: 30, learningRate: 3e-4 } });
    expect(resultOf(run).kept).toBe('trained');
    const worse = await trained(transformer, starts, { settings: { learningRate: 0.5 } });
    expect(resultOf(worse).kept).toBe('start');
    const of = { fingerprint: 'golden', family: config.family, width: config.width };
    const about = { 'contigua.edits': '0 modulation rank 2, 1 modulation rank 1', 'contigua.kept': 'start' };
    const settingsText = JSON.stringify({ ...settings, learningRate: 0.5 });
    const start = modulationsFile(starts, of, { ...about, 'contigua.settings': settingsText });
    expect((await bytesOf(worse.files.get('modulations.safetensors'))).length).toBe(start.blob.size);
    transformer.dispose();
  });

  test('end with the same bits when they are stopped and resumed from a checkpoint', async () => {
    const transformer = await openTransformer(config, checkpoint);
    const starts = await startsOf(transformer, [modulationEdit({ rank: 2 })]);
    const whole = await trained(transformer, starts);
    const stopped = await trained(transformer, starts, { stopAfter: 3 });
    expect(stopped.result).toMatchObject({ code: 'cancelled' });
    const resumed = await trained(transformer, starts, { resume: stopped.files.get('state-3.safetensors')! });
    const name = 'modulations.safetensors';
    expect(await bytesOf(resumed.files.get(name))).toEqual(await bytesOf(whole.files.get(name)));
    transformer.dispose();
  });

  test('by a table alone are written as they are, without a step', async () => {
    const transformer = await openTransformer(config, checkpoint);
    const table = modulationEdit({ table: [1, 0.5] });
    const conditioning = new Float32Array(2 * config.width).fill(0.5);
    const run = await trained(transformer, [{ edit: table, parts: { conditioning }, error: 0 }]);
    expect(resultOf(run)).toMatchObject({ kept: 'start', steps: 0, fitError: 0 });
    expect([...run.files.keys()]).toEqual(['modulations.safetensors']);
    transformer.dispose();
  });
});
