import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, it, test } from 'vitest';
import { openCheckpoint } from '../checkpoint/open.ts';
import { named } from '../checkpoint/testing.ts';
import { type TensorToWrite, writeSafetensors } from '../checkpoint/write.ts';
import { ContiguaError } from '../errors.ts';
import { fromFloat32 } from '../tensor/float.ts';
import { describePerEngine, startTestEngine } from '../tensor/test-engines.ts';
import { disposeState } from './block-transformer.ts';
import { openTransformer } from './open.ts';
import { goldenQ1 } from './qwen-image/goldens.ts';
import { expectClose } from './testing.ts';

beforeAll(() => startTestEngine('cpu'));

const FILE = 'diffusion_pytorch_model.safetensors';

/** The golden model as a file, changed by `change`; undefined leaves a tensor out. */
async function golden(change: (tensor: TensorToWrite) => TensorToWrite | undefined, extra: TensorToWrite[] = []) {
  const { config, checkpoint } = goldenQ1();
  const tensors: TensorToWrite[] = [...extra];
  for (const { name, shape } of checkpoint.tensors.values()) {
    const tensor = change({ name, shape, dtype: 'F32', bytes: await checkpoint.readBytes(name) });
    if (tensor) tensors.push(tensor);
  }
  return { config, checkpoint: await openCheckpoint([named(FILE, writeSafetensors(tensors))]) };
}
const TARGET = 'transformer_blocks.1.attn.to_q.weight';
const refusal = async ({ config, checkpoint }: Awaited<ReturnType<typeof golden>>) => {
  const thrown = await openTransformer(config, checkpoint)
    .then((t) => t.forward(goldenQ1().inputs))
    .catch((e: unknown) => e);
  expect(thrown).toBeInstanceOf(ContiguaError);
  return thrown as ContiguaError;
};

test('a missing weight is named with its file and expected shape', async () => {
  const error = await refusal(await golden((t) => (t.name === TARGET ? undefined : t)));
  expect(error).toMatchObject({
    code: 'weight-missing',
    details: { file: FILE, tensor: TARGET, expected: '[64, 64]' },
  });
});

test('a misshapen weight is named with both shapes', async () => {
  const error = await refusal(await golden((t) => (t.name === TARGET ? { ...t, shape: [32, 128] } : t)));
  expect(error).toMatchObject({
    code: 'weight-misshapen',
    details: { file: FILE, tensor: TARGET, found: '[32, 128]' },
  });
  expect(error.message).toContain('[64, 64]');
});

test('a weight of integers is refused', async () => {
  const error = await refusal(await golden((t) => (t.name === TARGET ? { ...t, dtype: 'I32' } : t)));
  expect(error).toMatchObject({ code: 'checkpoint-unsupported', details: { tensor: TARGET, found: 'I32' } });
});

test.each([Number.NaN, Number.POSITIVE_INFINITY])(
  'a weight that holds %s is named when its block is read',
  async (bad) => {
    const error = await refusal(
      await golden((t) => {
        if (t.name !== TARGET) return t;
        const values = new Float32Array(t.bytes.slice().buffer);
        values[17] = bad;
        return { ...t, bytes: fromFloat32(values, 'F32') };
      }),
    );
    expect(error).toMatchObject({
      code: 'weight-not-finite',
      details: { file: FILE, tensor: TARGET, found: `${bad} at element 17` },
    });
  },
);

describePerEngine(['cpu', 'wasm', 'tensorflow'], 'a weight stored in 16 bits', () => {
  const changed = (dtype: 'F16' | 'BF16', change: (codes: Uint16Array) => void) =>
    golden((t) => {
      const codes = new Uint16Array(fromFloat32(new Float32Array(t.bytes.slice().buffer), dtype).buffer);
      if (t.name === TARGET) change(codes);
      return { ...t, dtype, bytes: new Uint8Array(codes.buffer) };
    });

  it.each([
    ['F16', 0x7e00, 'NaN'],
    ['BF16', 0xff80, '-Infinity'],
  ] as const)(
    'in %s that is not finite is named by its element, and leaves no tensor behind',
    async (dtype, code, found) => {
      const before = tf.memory().numTensors;
      const { config, checkpoint } = await changed(dtype, (codes) => codes.fill(code, 65, 66));
      const transformer = await openTransformer(config, checkpoint, { residentBytes: 0 });
      await expect(transformer.loadBlock(1)).rejects.toMatchObject({
        code: 'weight-not-finite',
        details: { file: FILE, tensor: TARGET, found: `${found} at element 65` },
      });
      transformer.dispose();
      expect(tf.memory().numTensors).toBe(before);
    },
  );

  it('is accepted where the sum of all is beyond float32 and none of them is', async () => {
    const { config, checkpoint } = await changed('BF16', (codes) => codes.fill(0x7f7f));
    const transformer = await openTransformer(config, checkpoint, { residentBytes: 0 });
    await transformer.loadBlock(1);
    transformer.dispose();
  });
});

test('more blocks than the config tells of are refused, other extra tensors are ignored', async () => {
  const one = (name: string): TensorToWrite => ({ name, dtype: 'F32', shape: [1], bytes: new Uint8Array(4) });
  const error = await refusal(await golden((t) => t, [one('transformer_blocks.2.attn.to_q.bias')]));
  expect(error.message).toMatch(/more blocks.*block 2.*blocks 0 to 1/);
  const { config, checkpoint } = await golden((t) => t, [one('something.else')]);
  const transformer = await openTransformer(config, checkpoint);
  transformer.dispose();
});

describePerEngine(['wasm', 'tensorflow'], "a block's weights", () => {
  test('are [in, out] where they are read, however the engine holds them, and give the same state', async () => {
    const before = tf.memory().numTensors;
    const { config, checkpoint, inputs } = goldenQ1();
    const transformer = await openTransformer(config, checkpoint);
    const { state, context } = await transformer.begin(inputs);
    const [read, held] = [await transformer.readBlock(0), await transformer.holdBlock(0)];
    for (const [name, { shape }] of read.entries()) {
      const stored = checkpoint.tensors.get(`transformer_blocks.0.${name}`)!;
      expect(shape, name).toEqual(stored.shape.toReversed());
    }
    expect(held.linear('img_mod.1').asStored).toBe(tf.getBackend() === 'tensorflow');
    const [byRead, byHeld] = [read, held].map((weights) =>
      tf.tidy(() => transformer.applyBlock(0, weights, state, context, 'updated').image!.dataSync()),
    );
    expectClose(byRead!, [...byHeld!], 1e-5);
    read.dispose();
    held.dispose();
    disposeState(state);
    transformer.disposeContext(context);
    transformer.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});
