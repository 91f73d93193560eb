/** Which blocks stay in memory once they are read: as many of the first ones as fit, the others pass through. Pure. */

/** Float32 bytes of blocks, unless a caller says otherwise. */
export const DEFAULT_RESIDENT_BYTES = 256 * 1024 * 1024;

/** Whether no block is ever read twice. */
export function weightsStay(model: {
  readonly residentBlocks: number;
  readonly config: { readonly numBlocks: number };
}) {
  return model.residentBlocks >= model.config.numBlocks;
}

/** Blocks may differ in size. */
export function residentBlocks(blocks: readonly { readonly parameters: number }[], residentBytes: number): number {
  let bytes = 0;
  const overflow = blocks.findIndex(({ parameters }) => {
    bytes += 4 * parameters;
    return bytes > residentBytes;
  });
  return overflow < 0 ? blocks.length : overflow;
}
