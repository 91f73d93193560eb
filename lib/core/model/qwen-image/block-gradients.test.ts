import { readFileSync } from 'node:fs';
import { test } from 'vitest';
import { type BlockGolden, expectGoldenGradients } from '../../distil/goldens/block-gradients.ts';
import '../../tensor/gradients.ts';
import { describePerEngine } from '../../tensor/test-engines.ts';
import { goldenEdit } from './goldens.ts';

const golden: { readonly blocks: readonly BlockGolden[] } = JSON.parse(
  readFileSync(new URL('./goldens/block-gradients.json', import.meta.url), 'utf8'),
);

describePerEngine(['cpu', 'wasm', 'tensorflow'], 'gradients of Qwen-Image-Edit blocks', () => {
  test.each(golden.blocks.map((one) => [one.block, one.streams.join(' and '), one] as const))(
    'of block %i, whose references are at time 0, by every weight and by its input agree with autograd (%s)',
    (_, __, block) => expectGoldenGradients(goldenEdit(), block),
  );
});
