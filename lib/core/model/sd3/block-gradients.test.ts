import { readFileSync } from 'node:fs';
import { test } from 'vitest';
import { type BlockGolden, expectGoldenGradients } from '../../distil/goldens/block-gradients.ts';
import '../../tensor/gradients.ts';
import { describePerEngine } from '../../tensor/test-engines.ts';
import { goldenCase } from '../golden-fill.ts';
import { SD3_GOLDENS } from './goldens.ts';

interface Golden {
  readonly case: string;
  readonly blocks: readonly BlockGolden[];
}
const read = (name: string): Golden =>
  JSON.parse(readFileSync(new URL(`./goldens/block-gradients-${name}.json`, import.meta.url), 'utf8'));
/** With and without norms of queries and keys: a block of every kind. */
const cases = ['s3', 's4'].flatMap((file) => {
  const { case: name, blocks } = read(file);
  return blocks.map((one) => [name, one.block, one.streams.join(' and '), one] as const);
});

describePerEngine(['cpu', 'wasm', 'tensorflow'], 'gradients of SD3 blocks', () => {
  test.each(cases)(
    'of case %s, block %i, by every weight and by its input agree with autograd (%s)',
    (name, _, __, block) => expectGoldenGradients(goldenCase(SD3_GOLDENS.find((spec) => spec.name === name)!), block),
  );
});
