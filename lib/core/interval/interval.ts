/**
 * A contiguous run of blocks, **inclusive at both ends** and 0-based, as in the paper and its published files:
 * [3, 4] are two blocks. Replacing the run by one block removes `last - first` of them. A run of one block is no interval.
 */
export interface BlockInterval {
  readonly first: number;
  readonly last: number;
}

/** The axis that intervals lie on. No interval crosses from one stack into the next: blocks of two stacks have different weights, so none can stand for the other. */
export interface Depth {
  readonly numBlocks: number;
  /** Every block is in one of them; left out where all blocks are one stack. */
  readonly stacks?: readonly BlockInterval[];
}
