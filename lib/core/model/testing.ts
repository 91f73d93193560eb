/** For tests of the families: diffusers' outputs and states, and a forward pass held to them block by block. */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { disposeState } from './block-transformer.ts';
import type { Transformer, TransformerInputs } from './transformer.ts';

/** Outputs of diffusers; `python training/goldens.py` writes them anew. */
export interface Golden {
  readonly tolerance: number;
  readonly output: number[];
  /** Embedded input, then the state after each block; text that nothing reads is not computed and so not compared. */
  readonly states: { readonly image: number[]; readonly text: number[] }[];
}

/** `goldens/NAME.json` beside the test. */
export function readGolden(test: string, name: string): Golden {
  return JSON.parse(readFileSync(new URL(`./goldens/${name.toLowerCase()}.json`, test), 'utf8'));
}

/** Relative above 1, absolute below. */
export function expectClose(found: ArrayLike<number>, expected: readonly number[], tolerance: number): void {
  expect(found.length).toBe(expected.length);
  let worst = 0;
  expected.forEach((e, i) => {
    worst = Math.max(worst, Math.abs(found[i]! - e) / Math.max(1, Math.abs(e)));
  });
  expect(worst).toBeLessThanOrEqual(tolerance);
}

/** The state after every block, and the tokens that it is projected to, on the way through the whole depth. */
export async function expectGoldenStates(
  transformer: Transformer,
  inputs: TransformerInputs,
  { states, tolerance }: Golden,
): Promise<Float32Array> {
  const { numBlocks } = transformer.config;
  const { blocks } = transformer.architecture;
  const isRead = (index: number) => blocks.slice(index).some(({ updates }) => updates.includes('text'));
  const begun = await transformer.begin(inputs);
  let state = begun.state;
  for (let index = -1; index < numBlocks; index++) {
    if (index >= 0) {
      const next = await transformer.runBlock(index, state, begun.context);
      disposeState(state);
      state = next;
    }
    const expected = states[index + 1]!;
    expectClose(await state.image!.data(), expected.image, tolerance);
    if (index < 0 || isRead(index)) expectClose(await state.text!.data(), expected.text, tolerance);
  }
  const output = transformer.project(state, begun.context);
  const tokens = Float32Array.from(await output.data());
  output.dispose();
  disposeState(state);
  transformer.disposeContext(begun.context);
  return tokens;
}
