/** Which rows of stored tensors a block's tensors are made of, where it is of another kind or form than the block that it comes from. */

/** Rows of a stored tensor, [out, in] or a vector, from `from` to `to`, exclusive; or rows of zeros. */
export type RowSource =
  | { readonly tensor: string; readonly from: number; readonly to: number }
  | { readonly zeros: number };

/** Where the rows of a tensor come from when a block becomes one of another kind; a tensor that is not named is taken as it is. */
export type BlockConversion = ReadonlyMap<string, readonly RowSource[]>;
