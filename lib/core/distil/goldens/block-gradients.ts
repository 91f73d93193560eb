/** For tests: the gradients of one block agree with PyTorch's. */
import { expect } from 'vitest';
import type { GoldenCase } from '../../model/golden-fill.ts';
import { type BlockGolden, GRADIENT_TOLERANCE, gradientDeviations } from './gradient-deviations.ts';

export type { BlockGolden };

export async function expectGoldenGradients(golden: GoldenCase, block: BlockGolden): Promise<void> {
  const { loss, weights, inputs } = await gradientDeviations(golden, block);
  expect(loss).toBeLessThan(GRADIENT_TOLERANCE);
  for (const deviation of [weights, inputs]) {
    expect(deviation).toMatchObject({ value: expect.toSatisfy((value) => value < GRADIENT_TOLERANCE) });
  }
}
