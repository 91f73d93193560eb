import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { fingerprintOf } from '../checkpoint/index.ts';
import { checkpointOf } from '../checkpoint/inventory.ts';
import type { Checkpoint } from '../checkpoint/types.ts';
import { type ModulationEdit, modulationEdit } from '../edit/index.ts';
import {
  architectureOf,
  countFlops,
  countParameters,
  editedConfig,
  editedModel,
  familyNamed,
  openTransformer,
} from '../model/index.ts';
import { goldenQ1 } from '../model/qwen-image/goldens.ts';
import { relativeError, sampleErrors } from '../relative-error.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import {
  conditioningsAt,
  fitModulations,
  modulationsFile,
  rankWithin,
  sharedModel,
  type VisitedTimesteps,
  type WholeModel,
} from './index.ts';

const { config, checkpoint, inputs } = goldenQ1();
const D = config.width;
const fingerprint = await fingerprintOf(familyNamed(config.family).identity, config.raw, checkpoint);
const levels = (count: number, from: number) => Float32Array.from({ length: count }, (_, i) => from - i / count);
/** Fewer than a scheduler has, for time's sake. */
const TIMESTEPS: VisitedTimesteps = { fitted: levels(160, 1), heldOut: levels(160, 1 - 1 / 320), about: '160 levels' };

/** The golden model; with `moving`, only so many numbers of its time embedding depend on the timestep. */
async function modelOf(moving = D): Promise<WholeModel> {
  return { config, checkpoint: moving === D ? checkpoint : await withStillRows(moving), fingerprint };
}

async function withStillRows(moving: number): Promise<Checkpoint> {
  const name = 'time_text_embed.timestep_embedder.linear_2.weight';
  const values = await checkpoint.readFloat32(name);
  values.fill(0, moving * D);
  const blobs = new Map<string, Blob>();
  const tensors = new Map(checkpoint.tensors);
  for (const info of checkpoint.tensors.values()) {
    const bytes =
      info.name === name ? new Uint8Array(values.buffer as ArrayBuffer) : await checkpoint.readBytes(info.name);
    blobs.set(info.name, new Blob([new Uint8Array(bytes)]));
    tensors.set(info.name, { ...info, file: info.name, start: 0, end: bytes.byteLength });
  }
  return checkpointOf(blobs, tensors as never, new Map());
}

async function fitOf(model: WholeModel, blocks: ModulationEdit['blocks'] = 'all') {
  const transformer = await openTransformer(model.config, model.checkpoint);
  try {
    return await fitModulations(model, transformer, { blocks, timesteps: TIMESTEPS });
  } finally {
    transformer.dispose();
  }
}

async function shared(model: WholeModel, edit: ModulationEdit) {
  const owner = { fingerprint, family: config.family, width: D };
  if ('rank' in edit.by) {
    const parts = (await fitOf(model, edit.blocks)).partsAt(edit.by.rank);
    return await sharedModel(model, [edit], modulationsFile([{ edit, parts }], owner));
  }
  const transformer = await openTransformer(model.config, model.checkpoint);
  const conditioning = await conditioningsAt(transformer, Float32Array.from(edit.by.table));
  transformer.dispose();
  return await sharedModel(model, [edit], modulationsFile([{ edit, parts: { conditioning } }], owner));
}

/** ‖v̂ − v‖ / ‖v‖ of one forward. */
async function outputError(model: WholeModel, edit: ModulationEdit): Promise<number> {
  const whole = await openTransformer(model.config, model.checkpoint);
  const expected = await whole.forward(inputs);
  whole.dispose();
  const edited = await shared(model, edit);
  const transformer = await openTransformer(edited.config, edited.checkpoint);
  try {
    const found = await transformer.forward(inputs);
    return relativeError(sampleErrors(expected, found, inputs.batch)) ?? Number.NaN;
  } finally {
    transformer.dispose();
  }
}

describePerEngine(['cpu', 'wasm', 'tensorflow'], 'a model whose blocks share their modulation', () => {
  test('gives what the whole model gives, at full rank', async () => {
    expect(await outputError(await modelOf(), modulationEdit({ rank: D }))).toBeLessThan(3e-6);
  });

  test('is exact at rank k where only k numbers of the conditioning depend on the timestep, and not at k − 1', async () => {
    const model = await modelOf(5);
    expect(await outputError(model, modulationEdit({ rank: 5 }))).toBeLessThan(3e-6);
    expect(await outputError(model, modulationEdit({ rank: 4 }))).toBeGreaterThan(1e-4);
  });

  test('is exact at the timesteps of its table, and refuses others', async () => {
    const model = await modelOf();
    const edit = modulationEdit({ table: [1, inputs.timestep[0]!, 0.1] });
    expect(await outputError(model, edit)).toBeLessThan(3e-6);
    const edited = await shared(model, edit);
    const transformer = await openTransformer(edited.config, edited.checkpoint);
    const before = tf.memory().numTensors;
    await expect(transformer.forward({ ...inputs, timestep: inputs.timestep.map(() => 0.25) })).rejects.toThrow(
      /other timesteps alone.*0\.25.*1, 0\.37, 0\.1/s,
    );
    expect(tf.memory().numTensors).toBe(before);
    transformer.dispose();
  });

  test('frees every tensor of a forward', async () => {
    const edited = await shared(await modelOf(), modulationEdit({ rank: 3 }));
    const transformer = await openTransformer(edited.config, edited.checkpoint);
    await transformer.forward(inputs);
    const before = tf.memory().numTensors;
    await transformer.forward(inputs);
    expect(tf.memory().numTensors).toBe(before);
    transformer.dispose();
  });
});

describePerEngine(['wasm'], 'the fit of shared modulations', () => {
  test('predicts the error at held-out timesteps, falling with the rank, and finds the rank of an allowed error', async () => {
    const fit = await fitOf(await modelOf(5));
    for (let r = 1; r < fit.errors.length; r++)
      expect(fit.errors[r]).toBeLessThanOrEqual(fit.errors[r - 1]! * 1.05 + 1e-7);
    expect(fit.errors[5]).toBeLessThan(1e-6);
    expect(fit.errors[4]).toBeGreaterThan(1e-5);
    expect(rankWithin(fit, 1e-6)).toBe(5);
    expect(rankWithin(fit, 0)).toBeNull();
  });

  test('is of the blocks that are named alone; the others keep their matrices', async () => {
    const edited = await shared(await modelOf(), modulationEdit({ rank: 3 }, [1]));
    const shapes = (block: number) =>
      edited.checkpoint.tensors.get(`transformer_blocks.${block}.img_mod.1.weight`)?.shape;
    expect([shapes(0), shapes(1)]).toEqual([
      [6 * D, D],
      [6 * D, 3],
    ]);
    expect(edited.config.raw.shared_modulation).toEqual([{ blocks: [1], rank: 3 }]);
  });
});

describe('the config of shared modulations', () => {
  test('describes the tensors, parameters and operations that the plan counts', () => {
    for (const by of [{ rank: 3 }, { table: [1, 0.5] }]) {
      const edit = modulationEdit(by);
      const edited = editedModel(config, [edit]);
      const smaller = editedConfig(config, [edit]);
      if ('why' in smaller) throw new Error(smaller.why);
      const tokens = { image: 16, text: 8 };
      expect(countParameters(smaller).total).toBe(edited.parameters);
      expect(countFlops(smaller, tokens).total).toBe(edited.flops(tokens));
      expect(architectureOf(smaller).blocks.map(({ kind, tensors }) => ({ kind, tensors }))).toEqual(
        edited.blocks.map(({ kind, tensors }) => ({ kind, tensors })),
      );
    }
  });
});
