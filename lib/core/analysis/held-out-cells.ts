/**
 * Held-out rows by cell: the rows of one prompt group in one noise band. A bootstrap draws whole groups and a band takes
 * some cells whole, so that every statistic of either is a weighted sum over cells; the rows themselves are read once.
 */

/** What a held-out sample belongs to. */
export interface SamplePlace {
  /** Any number that samples of one prompt group share. */
  readonly group: number;
  /** Index of its noise band. */
  readonly band: number;
}

/** Cells are numbered alike in every stream. */
export interface Cells {
  readonly count: number;
  readonly groups: number;
  /** 0-based group and noise band of each cell [count]. */
  readonly groupOf: Uint32Array;
  readonly bandOf: Uint32Array;
  /** Cell of a sample that is held out. */
  readonly ofSample: ReadonlyMap<number, number>;
}

/** One stream's held-out rows, those of one cell after the other. */
export interface CellRows {
  /** Rows of the captured states [n]. */
  readonly rows: Uint32Array;
  /** Cell of each of them [n], ascending. */
  readonly cellOf: Uint32Array;
  /** Rows of each cell [cells]; a cell without valid tokens in the stream has 0. */
  readonly sizes: Uint32Array;
}

export function cellsOf(samples: readonly number[], placeOf: (sample: number) => SamplePlace): Cells {
  const groups = new Map<number, number>();
  const cells = new Map<string, number>();
  const groupOf: number[] = [];
  const bandOf: number[] = [];
  const ofSample = new Map<number, number>();
  for (const sample of samples) {
    const { group, band } = placeOf(sample);
    if (!groups.has(group)) groups.set(group, groups.size);
    const key = `${group} ${band}`;
    if (!cells.has(key)) {
      cells.set(key, cells.size);
      groupOf.push(groups.get(group)!);
      bandOf.push(band);
    }
    ofSample.set(sample, cells.get(key)!);
  }
  return {
    count: cells.size,
    groups: groups.size,
    groupOf: Uint32Array.from(groupOf),
    bandOf: Uint32Array.from(bandOf),
    ofSample,
  };
}

/** `sampleOf` gives the sample of each captured row of the stream; rows of other samples are left out. */
export function cellRows({ count, ofSample }: Cells, sampleOf: Uint32Array): CellRows {
  const placed: { row: number; cell: number }[] = [];
  for (const [row, sample] of sampleOf.entries()) {
    const cell = ofSample.get(sample);
    if (cell !== undefined) placed.push({ row, cell });
  }
  placed.sort((a, b) => a.cell - b.cell || a.row - b.row);
  const sizes = new Uint32Array(count);
  for (const { cell } of placed) sizes[cell] = sizes[cell]! + 1;
  return {
    rows: Uint32Array.from(placed, ({ row }) => row),
    cellOf: Uint32Array.from(placed, ({ cell }) => cell),
    sizes,
  };
}
