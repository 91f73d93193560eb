/**
 * A contiguous run of blocks, **inclusive at both ends** and 0-based, as in the paper and its published files:
 * [3, 4] are two blocks. Replacing the run by one block removes `last - first` of them. A run of one block is no interval.
 */
export interface BlockInterval {
  readonly first: number;
  readonly last: number;
}
