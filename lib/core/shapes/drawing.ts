/** How the sample models' pictures are drawn: as the models were trained and measured. Preview, runs and studies agree. */
export const DRAWING = { steps: 20, guidance: 2 } as const;
