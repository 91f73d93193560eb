/**
 * Held-out rows by cell: the rows of one prompt group, or those of one prompt group in one noise band. A bootstrap draws
 * whole groups and a band takes some cells whole, so that statistics of either are weighted sums over cells.
 */
import type { SeededRandom } from '../random.ts';

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
  /** 0-based group and noise band of each cell [count]. Groups are numbered in the order in which samples come. */
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
  const byCell: number[][] = Array.from({ length: count }, () => []);
  for (const [row, sample] of sampleOf.entries()) {
    const cell = ofSample.get(sample);
    if (cell !== undefined) byCell[cell]!.push(row);
  }
  return rowsOfCells(byCell);
}

/** At most `most` rows of each cell, chosen by `random`. */
export function someOfEachCell({ rows, cellOf, sizes }: CellRows, most: number, random: SeededRandom): CellRows {
  const byCell: number[][] = Array.from(sizes, () => []);
  for (const [i, row] of rows.entries()) byCell[cellOf[i]!]!.push(row);
  return rowsOfCells(
    byCell.map((of) => {
      const left = [...of];
      const chosen: number[] = [];
      while (chosen.length < most && left.length > 0) chosen.push(...left.splice(random.integer(left.length), 1));
      return chosen.sort((a, b) => a - b);
    }),
  );
}

function rowsOfCells(byCell: readonly (readonly number[])[]): CellRows {
  return {
    rows: Uint32Array.from(byCell.flat()),
    cellOf: Uint32Array.from(byCell.flatMap((of, cell) => of.map(() => cell))),
    sizes: Uint32Array.from(byCell, ({ length }) => length),
  };
}
