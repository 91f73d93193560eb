/**
 * The sweep over Grams for more rows than features, where states and probes are too many to be in memory at once: seeded random
 * parts of the rows are swept one after the other, and the sums that CKA follows from are added up (minibatch CKA, as in
 * gram-batches.ts). What is held follows the size of a part and not the number of rows; each part reads every probe once.
 */
import { seededRandom } from '../random.ts';
import { shuffled } from './balanced-groups.ts';
import type { SweepOf, Swept } from './gram-figures.ts';
import { type SweepProgress, type SweepRows, sweepGrams } from './gram-sweep.ts';
import { GramTotals, type StoredTotals } from './gram-totals.ts';
import type { Pace } from './pace.ts';

/** Of a part. Its Grams are those of four batches: 4 MiB a state. */
export const PART_ROWS = 2048;
const PARTS_SEED = 5;

/** As `SweepRows`, of any of the judged rows. `rows` ascend. */
export interface PartRows extends Omit<SweepRows, 'state'> {
  state(index: number, rows: Uint32Array): Promise<Float32Array>;
}

/** Where the sums of finished parts are kept. */
export interface KeptParts {
  get(): Promise<PartsDone | null>;
  put(done: PartsDone): Promise<void>;
}

export interface PartsDone {
  readonly parts: number;
  readonly totals: StoredTotals;
}

/** Parts of about equal size, at most `most` rows each. */
export function rowParts(rows: number, most: number = PART_ROWS): readonly Uint32Array[] {
  const count = Math.ceil(rows / most);
  const dealt = shuffled([...Array(rows).keys()], seededRandom(PARTS_SEED));
  return Array.from({ length: count }, (_, part) =>
    Uint32Array.from(dealt.filter((_, i) => i % count === part)).sort(),
  );
}

/**
 * As `sweepGrams` for each part, and once more for the rows that resamples are taken of: `onState` and `onSurrogate` are called as
 * often for each. What is kept of finished parts is not computed again.
 */
export async function sweepParts(
  of: SweepOf,
  from: PartRows,
  pace: Pace,
  progress: SweepProgress,
  kept: KeptParts,
  { partRows, batchRows }: { readonly partRows?: number; readonly batchRows?: number } = {},
): Promise<Swept> {
  const parts = rowParts(of.rows, partRows);
  const stored = await kept.get();
  const totals = new GramTotals(of.blocks, stored?.totals);
  const sweep = async (rows: Uint32Array, own: Pick<SweepOf, 'resampling' | 'figures' | 'part'>) =>
    await sweepGrams(
      { ...of, ...own, rows: rows.length },
      { ...from, state: (index) => from.state(index, rows) },
      pace,
      progress,
      batchRows,
    );
  let { similarity }: Partial<Swept> = {};
  for (const [index, rows] of parts.entries()) {
    if (index < (stored?.parts ?? 0)) {
      skip(of.blocks, progress);
      continue;
    }
    const isLast = index === parts.length - 1;
    ({ similarity } = await sweep(rows, { resampling: null, part: { totals, isLast } }));
    if (!isLast) await kept.put({ parts: index + 1, totals: totals.stored });
  }
  if (!similarity) throw new RangeError('There are no rows to compare');
  const figures = { ...similarity, rows: of.rows };
  if (!of.resampling) return { similarity: figures, resampled: null };
  const { cells, weightings } = of.resampling;
  const rows = cells.rows.toSorted();
  const position = new Map(Array.from(rows, (row, at) => [row, at] as const));
  const own = { ...cells, rows: cells.rows.map((row) => position.get(row)!) };
  const { resampled } = await sweep(rows, { resampling: { cells: own, weightings }, figures });
  return { similarity: figures, resampled };
}

function skip(blocks: number, { onState = () => {}, onSurrogate = () => {} }: SweepProgress): void {
  for (let state = 0; state <= blocks; state++) onState();
  for (let done = 0; done < (blocks * (blocks + 1)) / 2; done++) onSurrogate();
}
