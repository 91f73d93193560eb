/** How the sample models' pictures are drawn: as the models were trained and measured. Preview, runs and studies agree. */
export const DRAWING = { steps: 20, guidance: 2 } as const;

/** Held-out captions that facts are counted on, with the noise of each: the same everywhere, so that counts compare. */
export const COUNTED_PICTURES = { ...DRAWING, pictures: 32, seed: 1_000_003 } as const;
