/** The trainer of linear maps on a model of six random blocks: start, gradients, resumption, and edits that rest on others. */
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import {
  bytesOf,
  oneHeadModel,
  type RecordedTraining,
  recordTraining,
  resultOf,
  SHORT_TRAINING,
} from '../../testing/narrower-blocks.ts';
import { openFile } from '../checkpoint/index.ts';
import { type EditSet, editSetOf, ffnEdit, restsOn, runEdit, textStreamEdit } from '../edit/index.ts';
import { editableModel, narrowBlocks, openTransformer, type StudentWeights, type Transformer } from '../model/index.ts';
import type { DistilSettings } from '../run/settings.ts';
import { memoryStates } from '../states/index.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { type MappedEdit, storeMaps } from '../width/index.ts';
import { lossAndGradients } from './gradients.ts';
import { disposeTargets, NarrowSegment } from './narrow-segment.ts';
import type { StateCache } from './state-cache.ts';
import { trainMaps } from './train-maps.ts';
import { syntheticBatches } from './training-data.ts';

const { config, checkpoint } = oneHeadModel(6);
const D = config.width;
const settings = SHORT_TRAINING;
const batches = syntheticBatches(config, { batch: settings.batch, seed: 0 });
const GROUP = textStreamEdit({ first: 1, last: 3 });
const INSIDE = ffnEdit(3, 'image');
const ALONE = ffnEdit(4, 'text');

interface Changes {
  readonly settings?: Partial<DistilSettings>;
  readonly given?: readonly { readonly edit: MappedEdit; readonly file: Blob }[];
  readonly students?: readonly StudentWeights[];
  readonly edits?: EditSet;
  readonly resume?: Blob;
  readonly stopAfter?: number;
  readonly cache?: StateCache;
}

/** The maps of an edit; `given` has those of the edits that it rests on. */
async function trained(transformer: Transformer, edit: MappedEdit, changes: Changes = {}): Promise<RecordedTraining> {
  const { given = [], students = [], resume, stopAfter, cache } = changes;
  const edits = changes.edits ?? editSetOf([edit, ...given.map((one) => one.edit)], editableModel(config), 'the test');
  const maps = { store: memoryStates(), owner: 'test' };
  for (const { edit: other, file } of given) {
    const placed = [...narrowBlocks(transformer.architecture, edits).values()].flatMap(({ index, maps: all }) =>
      all.flatMap(({ name, gives, stream }) => {
        const isOf =
          other.on === 'ffn' ? gives === 'ffn' && other.block === index && other.stream === stream : gives !== 'ffn';
        return isOf ? [{ block: index, name }] : [];
      }),
    );
    const of = { fingerprint: 'golden', family: config.family, width: D };
    await storeMaps({ path: 'maps', blob: file }, of, placed, maps);
  }
  const recorded = await recordTraining(
    async (host) =>
      await trainMaps({
        transformer,
        fingerprint: 'golden',
        edit,
        edits,
        students,
        maps,
        restsOn: given.length > 0 ? 'given' : '',
        settings: { ...settings, ...changes.settings },
        batches,
        shared: cache ? { cache, keep: [0] } : null,
        resume: resume ? { path: 'state', blob: resume } : null,
        ...host,
      }),
    stopAfter,
  );
  await maps.store.dispose();
  return recorded;
}

const heldOut = ({ events }: RecordedTraining) =>
  events.flatMap((event) => (event.kind === 'held-out' ? event.point : []));

/** A cache in memory without a limit. */
function memoryCache(): StateCache & { readonly names: () => readonly string[] } {
  const held = new Map<string, Float32Array>();
  return {
    names: () => [...held.keys()],
    load: async (name) => held.get(name) ?? null,
    store: async (name, values) => {
      held.set(name, values.slice());
      return true;
    },
    has: async (name) => held.has(name),
    sizeBytes: 2 ** 30,
    freeBytes: 2 ** 30,
    claim: async () => ({ renew: async () => {}, release: async () => {} }),
  };
}

/** As the loss of directions and the student's: float64, rows of one stream, x + x·W + b against y. */
function lossInFloat64(x: Float32Array, y: Float32Array, weight: Float64Array, bias: Float64Array): number {
  const rows = x.length / D;
  let sum = 0;
  for (let row = 0; row < rows; row++) {
    const found = Array.from({ length: D }, (_, j) => {
      let value = x[row * D + j]! + bias[j]!;
      for (let i = 0; i < D; i++) value += x[row * D + i]! * weight[i * D + j]!;
      return value;
    });
    const wanted = Array.from(y.subarray(row * D, (row + 1) * D));
    const norm = (values: readonly number[]) => Math.hypot(...values);
    const [ofFound, ofWanted] = [norm(found), norm(wanted)];
    for (let j = 0; j < D; j++) {
      const difference = found[j]! / ofFound - wanted[j]! / ofWanted;
      sum += Math.abs(difference) + difference ** 2;
    }
    sum += settings.magnitudeWeight * (Math.log(ofFound) - Math.log(ofWanted)) ** 2;
  }
  return sum / rows;
}

describePerEngine(['wasm', 'tensorflow'], 'linear maps in training', () => {
  test('begin at least squares, keep what errs less on held-out samples, and leave no tensor behind', async () => {
    const transformer = await openTransformer(config, checkpoint);
    // They stay on the engine once they are read.
    for (let block = 0; block < config.numBlocks; block++) await transformer.loadBlock(block);
    const before = tf.memory().numTensors;
    for (const edit of [ffnEdit(0, 'image'), ALONE, GROUP]) {
      const run = await trained(transformer, edit, { settings: { steps: 60, heldOutEvery: 30, learningRate: 3e-4 } });
      const { kept, fitError } = resultOf(run);
      const [first, , last] = heldOut(run);
      const total = (error: typeof first) =>
        Object.values(error!.student).reduce((sum, of) => sum + (of?.direction ?? 0), 0);
      expect(heldOut(run).map(({ step }) => step)).toEqual([0, 30, 60]);
      // The start is what the closed form reaches on the same samples.
      if (edit.on === 'ffn') expect(first!.student[edit.stream]!.relative).toBeCloseTo(fitError!, 4);
      expect(kept).toBe(total(last) < total(first) ? 'trained' : 'start');
      const { metadata, tensors } = await openFile({ path: 'maps', blob: run.files.get('maps.safetensors')! });
      expect(metadata.get('contigua.kept')).toBe(kept);
      expect(tensors.size).toBe(edit.on === 'ffn' ? 2 : 6);
      expect(tf.memory().numTensors).toBe(before);
    }
    transformer.dispose();
  });

  test('keep the start, to the bit, where training makes them worse', async () => {
    const transformer = await openTransformer(config, checkpoint);
    const worse = await trained(transformer, ALONE, { settings: { learningRate: 0.5, steps: 3 } });
    const shorter = await trained(transformer, ALONE, { settings: { learningRate: 0.5, steps: 2 } });
    expect([resultOf(worse).kept, resultOf(shorter).kept]).toEqual(['start', 'start']);
    const values = async (run: RecordedTraining) => {
      const file = await openFile({ path: 'maps', blob: run.files.get('maps.safetensors')! });
      return await file.readFloat32('4.txt_ffn_proj.weight');
    };
    expect(await values(worse)).toEqual(await values(shorter));
    transformer.dispose();
  });

  test('have the gradient of the loss: of feed-forward layers as in float64 differences', async () => {
    const transformer = await openTransformer(config, checkpoint);
    const edit = ffnEdit(2, 'image');
    const segment = await open(transformer, edit);
    const inputs = batches.inputs(0);
    const { state, context } = await transformer.begin(inputs);
    const targets = await segment.targets(state, context);
    const half = await transformer.runStep({ kind: 'half', index: 2, without: 'ffn' }, state, context);
    const [x, y] = [await half.image!.data<'float32'>(), await targets[0]!.image!.data<'float32'>()];
    const weight = Float64Array.from({ length: D * D }, (_, i) => 0.05 * Math.sin(3 * i + 1));
    const bias = Float64Array.from({ length: D }, (_, i) => 0.1 * Math.cos(i));
    const maps = [tf.tensor2d(Float32Array.from(weight), [D, D]), tf.tensor1d(Float32Array.from(bias))];
    const { losses, gradients } = lossAndGradients(
      maps.map((map) => tf.reshape(map, [-1]) as tf.Tensor1D),
      ([w, b]) =>
        segment.losses(
          new Map<string, tf.Tensor>([
            ['2.img_ffn_proj.weight', tf.reshape(w!, [D, D])],
            ['2.img_ffn_proj.bias', b!],
          ]),
          state,
          targets,
          context,
          { image: null },
          settings,
        ),
    );
    // Float32 on the engine.
    expect((await losses.image!.data())[0]! / lossInFloat64(x, y, weight, bias)).toBeCloseTo(1, 5);
    const [ofWeight, ofBias] = [await gradients[0]!.data(), await gradients[1]!.data()];
    const slope = (values: Float64Array, at: number) => {
      const step = 1e-6;
      const kept = values[at]!;
      values[at] = kept + step;
      const above = lossInFloat64(x, y, weight, bias);
      values[at] = kept - step;
      const below = lossInFloat64(x, y, weight, bias);
      values[at] = kept;
      return (above - below) / (2 * step);
    };
    for (const at of [0, 17, 100, 255]) expect(Math.abs(ofWeight[at]! - slope(weight, at))).toBeLessThan(2e-4);
    for (const at of [0, 9]) expect(Math.abs(ofBias[at]! - slope(bias, at))).toBeLessThan(2e-4);
    expect(Math.max(...ofWeight.map(Math.abs))).toBeGreaterThan(0.01);
    transformer.dispose();
  });

  test('have the gradient of the loss: of a group along its own direction', async () => {
    const transformer = await openTransformer(config, checkpoint);
    const segment = await open(transformer, GROUP);
    const inputs = batches.inputs(0);
    const { state: first, context } = await transformer.begin(inputs);
    const embedded = await transformer.runBlock(0, first, context);
    const state = await segment.begin(embedded, context);
    const targets = await segment.targets(state, context);
    const names = segment.maps.flatMap(({ block, name }) => [`${block}.${name}.weight`, `${block}.${name}.bias`]);
    const vectors = names.map((name, n) => {
      const size = name.endsWith('.bias') ? D : D * D;
      return tf.tensor1d(Float32Array.from({ length: size }, (_, i) => 0.05 * Math.sin(3 * i + n)));
    });
    const lossesOf = (all: readonly tf.Tensor1D[]) => {
      const maps = names.map((name, n) => {
        return [name, name.endsWith('.bias') ? all[n]! : tf.reshape(all[n]!, [D, D])] as const;
      });
      return segment.losses(new Map(maps), state, targets, context, { image: null, text: null }, settings);
    };
    const { gradients } = lossAndGradients(vectors, lossesOf);
    const all = await Promise.all(gradients.map(async (gradient) => await gradient.data<'float32'>()));
    const norm = Math.hypot(...all.flatMap((values) => [...values]));
    expect(all.every((values) => Math.hypot(...values) > 1e-3)).toBe(true);
    const at = async (distance: number) => {
      const moved = vectors.map((vector, n) => tf.add(vector, tf.mul(gradients[n]!, distance / norm)) as tf.Tensor1D);
      const total = tf.tidy(() => Object.values(lossesOf(moved)).reduce((sum, loss) => tf.add(sum, loss)));
      return (await total.data())[0]!;
    };
    const slope = ((await at(1e-2)) - (await at(-1e-2))) / 2e-2;
    expect(slope / norm).toBeGreaterThan(0.99);
    expect(slope / norm).toBeLessThan(1.01);
    disposeTargets(targets);
    transformer.dispose();
  });

  test('end with the same bits when they are stopped and resumed from a checkpoint', async () => {
    const transformer = await openTransformer(config, checkpoint);
    const whole = await trained(transformer, GROUP);
    const stopped = await trained(transformer, GROUP, { stopAfter: 3 });
    expect(stopped.result).toMatchObject({ code: 'cancelled' });
    const resumed = await trained(transformer, GROUP, { resume: stopped.files.get('state-3.safetensors')! });
    expect(await bytesOf(resumed.files.get('maps.safetensors'))).toEqual(
      await bytesOf(whole.files.get('maps.safetensors')),
    );
    // The start was told before.
    expect(heldOut(resumed).map(({ step }) => step)).toEqual([6]);
    expect(resultOf(resumed).kept).toBe(resultOf(whole).kept);
    transformer.dispose();
  });

  test('are trained behind the edits that they rest on, with cached states as without, and refuse a checkpoint behind others', async () => {
    const transformer = await openTransformer(config, checkpoint);
    const group = await trained(transformer, GROUP);
    const given = [{ edit: GROUP, file: group.files.get('maps.safetensors')! }];
    expect(restsOn(INSIDE, GROUP)).toBe(true);
    const inside = await trained(transformer, INSIDE, { given });
    resultOf(inside);
    // The text is what the group leaves of it, and so is the start.
    const alone = await trained(transformer, INSIDE);
    expect(heldOut(inside)[0]).not.toEqual(heldOut(alone)[0]);
    const after = await trained(transformer, ALONE, { given });
    const cache = memoryCache();
    const cached = await trained(transformer, ALONE, { given, cache });
    expect(cache.names().length).toBeGreaterThan(0);
    expect(await bytesOf(cached.files.get('maps.safetensors'))).toEqual(
      await bytesOf(after.files.get('maps.safetensors')),
    );
    const resumed = await trained(transformer, ALONE, { resume: after.files.get('state-4.safetensors')! });
    expect(resumed.result).toMatchObject({ code: 'training-state-invalid' });
    transformer.dispose();
  });

  test('inside a run are fitted on what its student makes of the teacher’s states', async () => {
    const transformer = await openTransformer(config, checkpoint);
    const run = runEdit({ first: 2, last: 3 }, 'student');
    const edit = ffnEdit(2, 'image');
    const edits = editSetOf([run, edit], editableModel(config), 'the test');
    expect(restsOn(edit, run)).toBe(true);
    const own = await transformer.readBlock(2);
    const other = await transformer.readBlock(5);
    const of = async (weights: StudentWeights['weights']) =>
      await trained(transformer, edit, { edits, students: [{ first: 2, last: 3, weights }] });
    const imageOf = (run: RecordedTraining) => heldOut(run)[0]!.student.image!.relative;
    const [same, another, plain] = [await of(own), await of(other), await trained(transformer, edit)];
    // To the bit but for the layout of the weights.
    expect(imageOf(same)).toBeCloseTo(imageOf(plain), 6);
    expect(Math.abs(imageOf(another) - imageOf(plain))).toBeGreaterThan(1e-3);
    transformer.dispose();
  });
});

async function open(transformer: Transformer, edit: MappedEdit): Promise<NarrowSegment> {
  const edits = editSetOf([edit], editableModel(config), 'the test');
  const given = { store: memoryStates(), owner: 'test' };
  return await NarrowSegment.open({ transformer, edit, edits, students: [], given });
}
