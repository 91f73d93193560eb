import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { describePerEngine } from '../../tensor/test-engines.ts';
import { disposeState } from '../block-transformer.ts';
import { goldenCase } from '../golden-fill.ts';
import { openTransformer } from '../open.ts';
import { FLUX_GOLDENS } from './goldens.ts';

/** Outputs of diffusers; `python training/goldens.py` writes them anew. */
interface Golden {
  readonly tolerance: number;
  readonly output: number[];
  /** Embedded input, then the state after each block. */
  readonly states: { readonly image: number[]; readonly text: number[] }[];
}
const readGolden = (name: string): Golden =>
  JSON.parse(readFileSync(new URL(`./goldens/${name.toLowerCase()}.json`, import.meta.url), 'utf8'));

function expectClose(found: ArrayLike<number>, expected: readonly number[], tolerance: number) {
  expect(found.length).toBe(expected.length);
  let worst = 0;
  expected.forEach((e, i) => {
    worst = Math.max(worst, Math.abs(found[i]! - e) / Math.max(1, Math.abs(e)));
  });
  expect(worst).toBeLessThanOrEqual(tolerance);
}

describePerEngine(['cpu', 'wasm', 'tensorflow'], 'the FLUX.1 forward pass', () => {
  test.each(FLUX_GOLDENS.map((spec) => [spec.name, spec] as const))(
    'gives the reference states and output of golden case %s, and leaves no tensor behind',
    async (name, spec) => {
      const golden = readGolden(name);
      const before = tf.memory().numTensors;
      const { config, checkpoint, inputs } = goldenCase(spec);
      const transformer = await openTransformer(config, checkpoint);
      expectClose(await transformer.forward(inputs), golden.output, golden.tolerance);
      const begun = await transformer.begin(inputs);
      let state = begun.state;
      for (let index = -1; index < config.numBlocks; index++) {
        if (index >= 0) {
          const next = await transformer.runBlock(index, state, begun.context);
          disposeState(state);
          state = next;
        }
        const expected = golden.states[index + 1]!;
        expectClose(await state.image!.data(), expected.image, golden.tolerance);
        // Nothing reads the last block's text, so it is not computed.
        if (index < config.numBlocks - 1) expectClose(await state.text!.data(), expected.text, golden.tolerance);
      }
      disposeState(state);
      transformer.disposeContext(begun.context);
      transformer.dispose();
      expect(tf.memory().numTensors).toBe(before);
    },
  );

  test('agrees with the published statistics of golden cases F1 and F2', async () => {
    const published = { F1: [0.09912292, 4.871936], F2: [-0.3461842, 4.518252] } as const;
    for (const [name, [mean, norm]] of Object.entries(published)) {
      const { config, checkpoint, inputs } = goldenCase(FLUX_GOLDENS.find((spec) => spec.name === name)!);
      const transformer = await openTransformer(config, checkpoint);
      const output = await transformer.forward(inputs);
      transformer.dispose();
      expect(output.reduce((sum, v) => sum + v, 0) / output.length).toBeCloseTo(mean, 4);
      expect(Math.sqrt(output.reduce((sum, v) => sum + v * v, 0))).toBeCloseTo(norm, 3);
    }
  });
});
