/**
 * What the output loses to one student alone, and what says so beforehand: the error that a report measured of the run, how many blocks it
 * takes out, and its place in the model. Formulas are fitted in logarithms to the runs of one model and held against those of another.
 */
import { type DamageScore, DEFAULT_DETECTION, damageScore, earlyWeighted } from '../lib/core/detection/index.ts';
import { runEdit } from '../lib/core/edit/index.ts';
import { type BlockInterval, formatIntervalKey, removedCount } from '../lib/core/interval/index.ts';
import type { AnalysisReport } from '../lib/core/report/index.ts';
import { measuredOf } from './ledger.ts';
import { fittedTo } from './log-fit.ts';
import { choiceName, type Sample, type StudentSettings, settingsText } from './sample.ts';
import { tableOf } from './tables.ts';

/** Relative errors of the output, over all timesteps alike and weighted to early ones. */
export interface OutputErrors {
  readonly alike: number;
  readonly early: number;
}

export interface StudentAlone {
  readonly run: BlockInterval;
  /** Where its middle lies: 0 at the first block, 1 at the last. */
  readonly place: number;
  readonly student: OutputErrors;
  /** Of a linear map in place of the later blocks. */
  readonly linear: OutputErrors;
  /** Of the later blocks left out. */
  readonly removed: OutputErrors;
}

const LENGTHS = [2, 4] as const;
const SCORES: Readonly<Record<'linear' | 'removed', Readonly<Record<keyof OutputErrors, DamageScore>>>> = {
  linear: { alike: 'linear', early: 'linear-early' },
  removed: { alike: 'removed', early: 'early' },
};

/** Each stack cut into runs of two blocks, and into runs of four. */
export function evenRuns(stacks: readonly BlockInterval[]): BlockInterval[] {
  return LENGTHS.flatMap((length) =>
    stacks.flatMap(({ first, last }) =>
      Array.from({ length: Math.floor((last - first + 1) / length) }, (_, i) => first + i * length).map((start) => ({
        first: start,
        last: start + length - 1,
      })),
    ),
  );
}

/** Trains those that were not trained before. */
export async function studentsAlone(
  sample: Sample,
  report: AnalysisReport,
  distil: StudentSettings,
): Promise<StudentAlone[]> {
  const { stacks, numBlocks } = sample.model.summary;
  const measuredErrors = (run: BlockInterval, by: keyof typeof SCORES): OutputErrors => {
    const errorOf = (score: DamageScore) =>
      damageScore(report, runEdit(run, 'student'), score, DEFAULT_DETECTION) ?? Number.NaN;
    return { alike: errorOf(SCORES[by].alike), early: errorOf(SCORES[by].early) };
  };
  const rows = evenRuns(stacks).map((run) => async (): Promise<StudentAlone> => {
    // Under a name that needs no trained file: what the ledger holds is read where those are gone.
    const student = await sample.ledger.once(`alone ${formatIntervalKey(run)}, ${settingsText(distil)}`, async () => {
      const { edit } = await sample.student(run, distil);
      const name = choiceName([edit], distil);
      const alike = await sample.outputError(name, [edit]);
      const early = earlyWeighted(sample.levels, await sample.levelErrors(name, [edit])) ?? Number.NaN;
      return { alike, early };
    });
    const place = (run.first + run.last) / 2 / (numBlocks - 1);
    return { run, place, student, linear: measuredErrors(run, 'linear'), removed: measuredErrors(run, 'removed') };
  });
  return await measuredOf(rows);
}

export function aloneTable(rows: readonly StudentAlone[]): string {
  const lines = rows
    .toSorted((a, b) => a.run.first - b.run.first || a.run.last - b.run.last)
    .map(({ run, place, student, linear, removed }) => [
      ...[formatIntervalKey(run), String(removedCount([run])), place.toFixed(2)],
      ...[student, linear, removed].flatMap(({ alike, early }) => [alike.toPrecision(3), early.toPrecision(3)]),
      ...[linear, removed].map(({ early }) => (student.early / early).toFixed(2)),
    ]);
  const errors = ['student', 'linear map', 'left out'].flatMap((name) => [name, `${name}, early`]);
  return tableOf(['run', 'blocks out', 'place', ...errors, 'of the linear map’s', 'of that left out'], lines);
}

/** log of a student's error, as a sum of weighted terms. */
interface Formula {
  readonly name: string;
  readonly terms: (row: StudentAlone, weighting: keyof OutputErrors) => readonly number[];
  /** What is added with a weight of one. */
  readonly fixed?: (row: StudentAlone, weighting: keyof OutputErrors) => number;
}

const linearLog = (row: StudentAlone, weighting: keyof OutputErrors) => Math.log(row.linear[weighting]);
const removedLog = (row: StudentAlone, weighting: keyof OutputErrors) => Math.log(row.removed[weighting]);
const blocksLog = ({ run }: StudentAlone) => Math.log(removedCount([run]));

export const FORMULAS: readonly Formula[] = [
  { name: 'a share of the linear map’s error', terms: () => [], fixed: linearLog },
  { name: 'a share of the error without the blocks', terms: () => [], fixed: removedLog },
  { name: 'linear map’s error · eᵖˡᵃᶜᵉ', terms: ({ place }) => [place], fixed: linearLog },
  { name: 'blocks out', terms: (row) => [blocksLog(row)] },
  { name: 'eᵖˡᵃᶜᵉ', terms: ({ place }) => [place] },
  { name: 'blocks out, eᵖˡᵃᶜᵉ', terms: (row) => [blocksLog(row), row.place] },
  {
    name: 'linear map’s error, blocks out, eᵖˡᵃᶜᵉ',
    terms: (row, weighting) => [linearLog(row, weighting), blocksLog(row), row.place],
  },
  {
    name: 'error without the blocks, blocks out, eᵖˡᵃᶜᵉ',
    terms: (row, weighting) => [removedLog(row, weighting), blocksLog(row), row.place],
  },
];

interface Fitted {
  readonly weights: readonly number[];
  /** exp of the root mean square of log(predicted / measured): a factor. */
  offBy(rows: readonly StudentAlone[]): number;
}

export function fittedFormula(
  { terms, fixed = () => 0 }: Formula,
  rows: readonly StudentAlone[],
  weighting: keyof OutputErrors,
): Fitted {
  const logOf = (row: StudentAlone, [constant = 0, ...weights]: readonly number[]) =>
    terms(row, weighting).reduce((sum, term, i) => sum + term * (weights[i] ?? 0), constant + fixed(row, weighting));
  const data = rows.map((row) => ({ row, error: row.student[weighting] }));
  const start = [-1, ...terms(rows[0]!, weighting).map(() => 0.5)];
  // Runs of two lengths and many places determine every weight.
  const weights = fittedTo(data, start, ({ row }, tried) => Math.exp(logOf(row, tried)), 0);
  return {
    weights,
    offBy(others) {
      const squares = others.map((row) => (logOf(row, weights) - Math.log(row.student[weighting])) ** 2);
      return Math.exp(Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / squares.length));
    },
  };
}

/** Each formula fitted to each model's runs, and held against its own and the other models'. */
export function formulaTable(models: ReadonlyMap<string, readonly StudentAlone[]>): string {
  const known = [...models].filter(([, rows]) => rows.length > 0);
  const all = known.flatMap(([, rows]) => rows);
  if (all.length === 0) return 'Not measured yet.';
  const lines = (['early', 'alike'] as const).flatMap((weighting) =>
    FORMULAS.map((formula) => {
      const factors = known.flatMap(([name, rows]) => {
        const { offBy } = fittedFormula(formula, rows, weighting);
        const others = known.filter(([other]) => other !== name).flatMap(([, rows]) => rows);
        return [offBy(rows), ...(others.length > 0 ? [offBy(others)] : [])].map(timesText);
      });
      const both = fittedFormula(formula, all, weighting);
      const weights = both.weights.map((weight) => weight.toFixed(2)).join(', ');
      return [weighting, formula.name, ...factors, timesText(both.offBy(all)), weights];
    }),
  );
  const heads = known.flatMap(([name]) => [
    `fitted to ${name}: off by`,
    ...(known.length > 1 ? ['off by on the other'] : []),
  ]);
  return tableOf(['errors', 'a student leaves', ...heads, 'fitted to all: off by', 'weights, constant first'], lines);
}

const timesText = (factor: number) => `× ${factor.toFixed(2)}`;
