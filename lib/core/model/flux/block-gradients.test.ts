import { readFileSync } from 'node:fs';
import { test } from 'vitest';
import { type BlockGolden, expectGoldenGradients } from '../../distil/goldens/block-gradients.ts';
import '../../tensor/gradients.ts';
import { describePerEngine } from '../../tensor/test-engines.ts';
import { goldenCase } from '../golden-fill.ts';
import { FLUX_GOLDENS } from './goldens.ts';

const golden: { readonly blocks: readonly BlockGolden[] } = JSON.parse(
  readFileSync(new URL('./goldens/block-gradients.json', import.meta.url), 'utf8'),
);

describePerEngine(['cpu', 'wasm', 'tensorflow'], 'gradients of FLUX.1 blocks', () => {
  test.each(golden.blocks.map((one) => [one.block, one.streams.join(' and '), one] as const))(
    'of block %i by every weight and by its input agree with autograd (%s)',
    (_, __, block) => expectGoldenGradients(goldenCase(FLUX_GOLDENS.find(({ name }) => name === 'F2')!), block),
  );
});
