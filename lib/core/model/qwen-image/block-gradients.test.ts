import { readFileSync } from 'node:fs';
import { test } from 'vitest';
import { type BlockGolden, expectGoldenGradients } from '../../distil/goldens/block-gradients.ts';
import '../../tensor/gradients.ts';
import { describePerEngine } from '../../tensor/test-engines.ts';
import { goldenEdit, goldenNarrow } from './goldens.ts';

const read = (name: string): { readonly blocks: readonly BlockGolden[] } =>
  JSON.parse(readFileSync(new URL(`./goldens/${name}.json`, import.meta.url), 'utf8'));
const golden = read('block-gradients');
const narrow = read('block-gradients-p1');

describePerEngine(['cpu', 'wasm', 'tensorflow'], 'gradients of Qwen-Image-Edit blocks', () => {
  test.each(golden.blocks.map((one) => [one.block, one.streams.join(' and '), one] as const))(
    'of block %i, whose references are at time 0, by every weight and by its input agree with autograd (%s)',
    (_, __, block) => expectGoldenGradients(goldenEdit(), block),
  );
});

describePerEngine(['cpu', 'wasm', 'tensorflow'], 'gradients of narrower Qwen-Image blocks', () => {
  test.each(narrow.blocks.map((one) => [one.block, one.streams.join(', '), one] as const))(
    'of block %i by every weight, projectors among them, and by all that it takes agree with autograd (%s)',
    (_, __, block) => expectGoldenGradients(goldenNarrow(), block),
  );
});
