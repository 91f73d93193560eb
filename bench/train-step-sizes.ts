/** The shapes at which bench/train-step.ts and bench/gpu.ts measure. */
/** Of one sample; `side` is that of the square grid of its image tokens. */
export interface BlockTokens {
  readonly image: number;
  readonly text: number;
  readonly side: number;
}

export interface BlockSize {
  readonly heads: number;
  readonly headDim: number;
  readonly ropeAxes: readonly [number, number, number];
  readonly batch: number;
  /** By default those of the bundled model. */
  readonly tokens?: BlockTokens;
}

export interface Size extends BlockSize {
  /** Steps of one turn. */
  readonly steps: number;
  /** Weights, gradients and moments, with what XNNPACK packs of them, fit in the 4 GiB of WebAssembly. */
  readonly fitsWasm: boolean;
}

/** As many as a sample of the bundled model has. */
const TOKENS: BlockTokens = { image: 64, text: 13, side: 8 };
/** A 512 × 512 picture of a full-width model. */
const PICTURE: BlockTokens = { image: 1024, text: 64, side: 32 };

/**
 * By width and, where they are not the sample's, tokens; 96/16 is what a student of the sample is trained with by default. 32 is for a look at the tables on a software adapter; the next three have a
 * batch that keeps a step under a second on two cores.
 */
export const SIZES: Readonly<Record<string, Size>> = {
  32: { heads: 1, headDim: 32, ropeAxes: [8, 12, 12], batch: 1, steps: 1, fitsWasm: true },
  96: { heads: 3, headDim: 32, ropeAxes: [8, 12, 12], batch: 32, steps: 10, fitsWasm: true },
  '96/16': { heads: 3, headDim: 32, ropeAxes: [8, 12, 12], batch: 16, steps: 20, fitsWasm: true },
  512: { heads: 8, headDim: 64, ropeAxes: [16, 24, 24], batch: 8, steps: 3, fitsWasm: true },
  1536: { heads: 12, headDim: 128, ropeAxes: [16, 56, 56], batch: 2, steps: 2, fitsWasm: false },
  '1536@1088': {
    heads: 12,
    headDim: 128,
    ropeAxes: [16, 56, 56],
    batch: 1,
    tokens: PICTURE,
    steps: 2,
    fitsWasm: false,
  },
  '3072@1088': {
    heads: 24,
    headDim: 128,
    ropeAxes: [16, 56, 56],
    batch: 1,
    tokens: PICTURE,
    steps: 2,
    fitsWasm: false,
  },
};

/** Measured where no sizes are named. */
export const CPU_SIZES = ['96', '512', '1536'] as const;

export function tokensOf({ tokens = TOKENS }: BlockSize): BlockTokens {
  return tokens;
}
