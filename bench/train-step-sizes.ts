/** The shapes at which bench/train-step.ts measures: a batch that keeps a step under a second. */
import type { BlockSize } from './training-block.ts';

export interface Size extends BlockSize {
  /** Steps of one turn. */
  readonly steps: number;
  /** Weights, gradients and moments, with what XNNPACK packs of them, fit in the 4 GiB of WebAssembly. */
  readonly fitsWasm: boolean;
}

export const SIZES: Readonly<Record<string, Size>> = {
  96: { heads: 3, headDim: 32, ropeAxes: [8, 12, 12], batch: 32, steps: 10, fitsWasm: true },
  512: { heads: 8, headDim: 64, ropeAxes: [16, 24, 24], batch: 8, steps: 3, fitsWasm: true },
  1536: { heads: 12, headDim: 128, ropeAxes: [16, 56, 56], batch: 2, steps: 2, fitsWasm: false },
};
