/** Blocks of several kinds (SD3.5): an exported model whose last block goes, and a table that the teacher's file leaves out. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openCheckpoint, type TensorToWrite, writeSafetensors } from '../checkpoint/index.ts';
import {
  expectedTensors,
  type GoldenCase,
  goldenCase,
  openTransformer,
  prunedModel,
  sampleOf,
} from '../model/index.ts';
import { SD3_GOLDENS } from '../model/sd3/goldens.ts';
import { blockMapOf } from '../plan/index.ts';
import { fromFloat32 } from '../tensor/float.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { studentWeights } from './student-weights.ts';
import { weightFiles } from './weight-files.ts';

/** diffusers without blocks 2 and 3; `python training/goldens.py` writes it anew. */
const skipped: { readonly output: number[]; readonly tolerance: number } = JSON.parse(
  readFileSync(new URL('../model/sd3/goldens/s6.json', import.meta.url), 'utf8'),
);
const S2 = SD3_GOLDENS.find(({ name }) => name === 'S2')!;
const golden = goldenCase({ ...S2, config: { ...S2.config, dual_attention_layers: [0, 1] } });

async function exported(
  { config, checkpoint }: GoldenCase,
  intervals: readonly { first: number; last: number }[],
  change: (tensors: TensorToWrite[]) => TensorToWrite[] = (all) => all,
  dtype: 'teacher' | 'F32' = 'teacher',
) {
  const tensors: TensorToWrite[] = [];
  for (const { name, shape } of checkpoint.tensors.values()) {
    tensors.push({ name, shape, dtype: 'F32', bytes: await checkpoint.readBytes(name) });
  }
  const files = [{ path: 'model.safetensors', blob: new Blob([writeSafetensors(change(tensors))]) }];
  const lazy = await studentWeights({
    config,
    fingerprint: '',
    checkpoint: await openCheckpoint(files),
    blockMap: blockMapOf(config.numBlocks, intervals),
    students: [],
    fineTuned: null,
    dtype,
    checkValues: true,
  });
  const written = await openCheckpoint(weightFiles(lazy, 10e9));
  const removed = intervals.flatMap(({ first, last }) => Array.from({ length: last - first }, (_, i) => first + 1 + i));
  const kept = Array.from({ length: config.numBlocks }, (_, index) => index).filter((i) => !removed.includes(i));
  return { checkpoint: written, config: prunedModel(config, kept) };
}

describePerEngine(['cpu', 'wasm', 'tensorflow'], 'a model whose last block goes', () => {
  test('ends in a block without the text’s output, and gives what diffusers gives without those blocks', async () => {
    const { checkpoint, config } = await exported(golden, [{ first: 1, last: 3 }]);
    expect(config.raw).toMatchObject({ num_layers: 2, dual_attention_layers: [0, 1] });
    expect([...checkpoint.tensors.keys()].sort()).toEqual(
      expectedTensors(config)
        .map(({ name }) => name)
        .sort(),
    );
    expect(checkpoint.tensors.get('transformer_blocks.1.norm1_context.linear.weight')!.shape).toEqual([64, 32]);
    expect(checkpoint.tensors.has('transformer_blocks.1.attn.to_add_out.weight')).toBe(false);
    const transformer = await openTransformer(config, checkpoint);
    const { values } = sampleOf(await transformer.forward(golden.inputs), golden.inputs, config);
    transformer.dispose();
    expect(values.length).toBe(skipped.output.length);
    skipped.output.forEach((expected, i) => {
      expect(Math.abs(values[i]! - expected)).toBeLessThan(skipped.tolerance * Math.max(1, Math.abs(expected)));
    });
  });
});

test('scale and shift of the last text change places, byte for byte', async () => {
  const { checkpoint } = await exported(golden, [{ first: 1, last: 3 }]);
  const before = await golden.checkpoint.readFloat32('transformer_blocks.1.norm1_context.linear.bias');
  const after = await checkpoint.readFloat32('transformer_blocks.1.norm1_context.linear.bias');
  expect([...after]).toEqual([...before.subarray(32, 64), ...before.subarray(0, 32)]);
});

test('blocks of dual attention are numbered as they follow each other', async () => {
  const S3 = SD3_GOLDENS.find(({ name }) => name === 'S3')!;
  const { config, checkpoint } = await exported(goldenCase(S3), [{ first: 0, last: 1 }]);
  expect(config.raw).toMatchObject({ num_layers: 3, dual_attention_layers: [0, 1] });
  expect([...checkpoint.tensors.keys()].sort()).toEqual(
    expectedTensors(config)
      .map(({ name }) => name)
      .sort(),
  );
});

test('a table of positions that the teacher’s file leaves out is written, in the type of its weights or in F32', async () => {
  const POSITIONS = 'pos_embed.pos_embed';
  const narrow = (all: TensorToWrite[]) =>
    all
      .filter(({ name }) => name !== POSITIONS)
      .map((tensor) => {
        const values = new Float32Array(new Uint8Array(tensor.bytes).buffer);
        return { ...tensor, dtype: 'BF16' as const, bytes: fromFloat32(values, 'BF16') };
      });
  const { checkpoint, config } = await exported(golden, [], narrow);
  const { buffer, shape } = expectedTensors(config).find(({ name }) => name === POSITIONS)!;
  expect(checkpoint.tensors.get(POSITIONS)).toMatchObject({ dtype: 'BF16', shape });
  const computed = fromFloat32(buffer!(0, 96 * 96 * 32), 'BF16');
  expect(await checkpoint.readBytes(POSITIONS)).toEqual(new Uint8Array(computed));
  const wide = await exported(golden, [], narrow, 'F32');
  expect(wide.checkpoint.tensors.get(POSITIONS)).toMatchObject({ dtype: 'F32', shape });
  expect(Buffer.compare(await wide.checkpoint.readBytes(POSITIONS), fromFloat32(buffer!(0, 96 * 96 * 32), 'F32'))).toBe(
    0,
  );
});
