/** FLUX.2, whose blocks share their modulation: what a pruned model keeps, what it saves, and what diffusers gives for it. */
import { expect, test } from 'vitest';
import { openCheckpoint, type TensorToWrite, writeSafetensors } from '../checkpoint/index.ts';
import { FLUX2_GOLDENS } from '../model/flux2/goldens.ts';
import {
  architectureOf,
  costNoteOf,
  countFlops,
  countParameters,
  expectedTensors,
  goldenCase,
  openTransformer,
  prunedModel,
} from '../model/index.ts';
import { expectClose, readGolden } from '../model/testing.ts';
import { blockMapOf } from '../plan/index.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { studentWeights } from './student-weights.ts';
import { weightFiles } from './weight-files.ts';

/** diffusers without dual-stream block 1 and single-stream blocks 1 and 2; `python training/goldens.py fl2-6` writes it anew. */
const pruned = readGolden(new URL('../model/flux2/transformer.test.ts', import.meta.url).href, 'FL2-6');
const golden = goldenCase(FLUX2_GOLDENS.find(({ name }) => name === 'FL2-1')!);
const INTERVALS = [
  { first: 0, last: 1 },
  { first: 2, last: 4 },
];
const KEPT = [0, 2];
const smaller = prunedModel(golden.config, KEPT);
const { width: D, mlpDim: M, headDim } = smaller as typeof smaller & { readonly mlpDim: number };

async function exported() {
  const { config, checkpoint } = golden;
  const tensors: TensorToWrite[] = [];
  for (const { name, shape } of checkpoint.tensors.values()) {
    tensors.push({ name, shape, dtype: 'F32', bytes: await checkpoint.readBytes(name) });
  }
  const lazy = await studentWeights({
    config,
    fingerprint: '',
    checkpoint: await openCheckpoint([{ path: 'model.safetensors', blob: new Blob([writeSafetensors(tensors)]) }]),
    blockMap: blockMapOf(config.numBlocks, INTERVALS),
    students: [],
    fineTuned: null,
    dtype: 'teacher',
    checkValues: true,
  });
  return await openCheckpoint(weightFiles(lazy, 10e9));
}

describePerEngine(['cpu', 'wasm', 'tensorflow'], 'a FLUX.2 without some of its blocks', () => {
  test('is exported with the keys of its class, and gives what diffusers gives without those blocks', async () => {
    const checkpoint = await exported();
    expect(smaller.raw).toMatchObject({ num_layers: 1, num_single_layers: 1 });
    expect([...checkpoint.tensors.keys()].sort()).toEqual(
      expectedTensors(smaller)
        .map(({ name }) => name)
        .sort(),
    );
    const transformer = await openTransformer(smaller, checkpoint);
    expectClose(await transformer.forward(golden.inputs), pruned.output, pruned.tolerance);
    transformer.dispose();
  });
});

test('its modulation stays byte for byte, and is counted once for all blocks', async () => {
  const checkpoint = await exported();
  const shared = [...checkpoint.tensors.keys()].filter((name) => name.includes('_modulation'));
  expect(shared).toHaveLength(3);
  for (const name of shared) {
    expect(await checkpoint.readBytes(name)).toEqual(await golden.checkpoint.readBytes(name));
  }
  const parameters = countParameters(golden.config);
  // A dual-stream block has eight D × D matrices and two MLPs, a single-stream block four and one. An MLP has 3 D M.
  const [dual, single] = [8 * D * D + 6 * D * M + 4 * headDim, 4 * D * D + 3 * D * M + 2 * headDim];
  expect(parameters.saved).toEqual([dual, dual, single, single, single]);
  expect(parameters.total - countParameters(smaller).total).toBe(dual + 2 * single);
  expect(parameters.globals).toBe(countParameters(smaller).globals);
  const tokens = { image: 15, text: 7 };
  expect(countFlops(golden.config, tokens).globals).toBe(countFlops(smaller, tokens).globals);
  expect(
    architectureOf(golden.config).blocks.every(({ tensors }) => tensors.every(({ name }) => !/mod/.test(name))),
  ).toBe(true);
  expect(costNoteOf(golden.config)).toBe(
    `Modulation (${(15 * D * D).toLocaleString('en-US')} parameters) is shared by all blocks: removing blocks saves none of it.`,
  );
});
