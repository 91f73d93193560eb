/** Rows of the study's experiments as the tables of docs/study.md. */
import { type Interval, percentileInterval } from '../lib/core/quantile.ts';
import { seededRandom } from '../lib/core/random.ts';
import { relativeError, relativeErrorBounds } from '../lib/core/relative-error.ts';
import type { ArmRow, Row } from './experiments.ts';
import { type Bounded, differenceOf, shareOfTeacher } from './paired.ts';
import type { Pictures } from './sample.ts';
import { factsText, median, percent, rangeText, shareOfFacts, tableOf, three } from './tables.ts';
import type { WidthLevelRow, WidthRow } from './width-arms.ts';

/** Arms of several seeds in one line. `teachers` by number of captions: shares are of the same captions. */
export function armTable(rows: readonly ArmRow[], teachers: ReadonlyMap<number, Row>): string {
  const lines = [
    ...groupBy(rows, ({ arm, removed, pictures }) => `${removed} ${arm} ${pictures.held.length}`).values(),
  ].map((group) => {
    const { arm, removed, pictures } = group[0]!;
    const drawn = group.map((row) => row.pictures);
    const captions = pictures.held.length;
    const teacher = teachers.get(captions);
    const intervals = new Set(group.map((row) => row.intervals));
    return [
      String(removed),
      arm,
      intervals.size === 1 ? `\`${group[0]!.intervals}\`` : `${intervals.size} choices`,
      factsText(drawn),
      teacher ? boundedText(shareOfTeacher(drawn, teacher.pictures)) : 'n/a',
      group.length > 1
        ? rangeText(
            drawn.map((one) => shareOfFacts([one])),
            percent,
          )
        : '',
      outputErrorText(group),
      `${group.length} × ${captions}`,
    ];
  });
  const heads = [
    'blocks out',
    'arm',
    'intervals',
    'facts right (95 %)',
    'of the teacher’s (95 %)',
    'seeds or choices, mean (range)',
    'output error (95 %)',
    'drawn × captions',
  ];
  return tableOf(heads, lines);
}

/** Arms of `widthRows`, seeds in one line. `all` counts the whole model's parameters. */
export function widthTable(rows: readonly WidthRow[], teacher: Pictures, all: number): string {
  const lines = [...groupBy(rows, ({ share, arm }) => `${share} ${arm}`).values()].map((group) => {
    const { share, arm, plan, parameters, predicted } = group[0]!;
    const drawn = group.map(({ pictures }) => pictures);
    return [
      `${100 * share} %`,
      arm,
      `\`${plan}\``,
      `${(parameters / 1e6).toFixed(2)} M, ${percent(parameters / all)}`,
      boundedText(shareOfTeacher(drawn, teacher)),
      rangeText(
        drawn.map((one) => shareOfFacts([one])),
        percent,
      ),
      outputErrorText(group),
      three(predicted),
      `${group.length} × ${teacher.held.length}`,
    ];
  });
  const heads = [
    ...['budget', 'arm', 'plan', 'parameters', 'of the teacher’s facts (95 %)', 'facts right, mean (range over seeds)'],
    ...['output error (95 %)', 'predicted, untrained', 'drawn × captions'],
  ];
  return tableOf(heads, lines);
}

/** One line for each choice: the error at each noise level. */
export function widthLevelTable(rows: readonly WidthLevelRow[], teacher: Pictures): string {
  const lines = rows.map(({ share, arm, plan, levels, pictures }) => [
    `${100 * share} %`,
    arm,
    `\`${plan}\``,
    percent(shareOfTeacher([pictures], teacher).value),
    ...levels.map(three),
  ]);
  const count = rows[0]?.levels.length ?? 0;
  const levels = Array.from({ length: count }, (_, level) => `t = ${((level + 0.5) / count).toFixed(2)}`);
  return tableOf(['budget', 'arm', 'plan', 'of the teacher’s facts', ...levels], lines);
}

/** The arms at half the blocks that claims are about, pair by pair. */
const COMPARED: readonly (readonly [string, string])[] = [
  ['best score', 'threshold'],
  ['best score', 'difference rule'],
  ['best score', 'random'],
  ['threshold', 'difference rule'],
  ['difference rule', 'random'],
  ['best score, sequential', 'best score'],
  ['difference rule, sequential', 'difference rule'],
  ['best score, fine-tuned', 'best score'],
  ['best score, fine-tuned', 'best score, sequential'],
];

/** Caption by caption, of seeds that both arms have. */
export function differenceTable(rows: readonly ArmRow[], teacher: Pictures): string {
  const arms = groupBy(rows, ({ arm }) => arm);
  const lines = COMPARED.flatMap(([name, other]) => {
    const [own, others] = [arms.get(name) ?? [], arms.get(other) ?? []];
    const shared = own.filter(({ seed }) => others.some((row) => row.seed === seed));
    const seeds = new Set(shared.map(({ seed }) => seed));
    if (seeds.size === 0) return [];
    const of = (all: readonly ArmRow[]) => all.filter(({ seed }) => seeds.has(seed)).map(({ pictures }) => pictures);
    const { value, low, high } = differenceOf(of(own), of(others), teacher);
    const verdict = low > 0 ? 'more' : high < 0 ? 'fewer' : 'cannot be told';
    return [[name, other, `${points(value)} (${points(low)} to ${points(high)})`, verdict, String(seeds.size)]];
  });
  return tableOf(['arm', 'against', 'difference in points of the teacher’s facts (95 %)', 'keeps', 'seeds'], lines);
}

const points = (share: number) => `${share < 0 ? '−' : '+'}${Math.abs(100 * share).toFixed(1)}`;

/** "98.7 % (98.0 to 99.2)" */
function boundedText({ value, low, high }: Bounded): string {
  return `${percent(value)} (${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)})`;
}

/**
 * Of all samples of all seeds or choices together, which are the same and are drawn anew together for the interval: a mean of the rows'
 * errors may lie outside of it.
 */
function outputErrorText(group: readonly Pick<ArmRow, 'sampleErrors'>[]): string {
  const errors = group.flatMap(({ sampleErrors }) => sampleErrors);
  const bounds = relativeErrorBounds(
    errors,
    group.flatMap(({ sampleErrors }) => sampleErrors.map((_, sample) => sample)),
  );
  const text = three(relativeError(errors) ?? Number.NaN);
  return bounds ? `${text} (${three(bounds.low)} to ${three(bounds.high)})` : text;
}

export function removalTable(rows: readonly Row[]): string {
  const lines = [...groupBy(rows, ({ arm, removed }) => `${removed} ${arm}`).values()].map((group) => {
    const errors = group.map(({ outputError }) => outputError);
    const facts = group.map(({ pictures }) => shareOfFacts([pictures]));
    const best = group.reduce((a, b) => (a.outputError <= b.outputError ? a : b));
    const middle = (values: readonly number[], text: (value: number) => string) => {
      const { low, high } = medianInterval(values);
      return `${text(median(values))} (${text(low)} to ${text(high)})`;
    };
    const range = (values: readonly number[], text: (value: number) => string) =>
      `${text(Math.min(...values))} to ${text(Math.max(...values))}`;
    const { arm, removed } = group[0]!;
    return [
      ...[String(removed), arm, String(group.length)],
      ...[middle(errors, three), range(errors, three), middle(facts, percent), range(facts, percent)],
      best.intervals,
    ];
  });
  const heads = [
    'blocks removed',
    'which',
    'choices',
    'output error, median (95 %)',
    'range',
    'facts right, median (95 %)',
    'range',
    'least output error',
  ];
  return tableOf(heads, lines);
}

/** Of a median over choices, which are drawn anew. */
function medianInterval(values: readonly number[]): Interval {
  const random = seededRandom(1);
  const drawn = () => median(values.map(() => values[random.integer(values.length)]!));
  return percentileInterval(Array.from({ length: 2000 }, drawn));
}

export function subsetTable(rows: readonly Row[]): string {
  // On the same few captions as the subsets.
  const whole = rows.find(({ removed }) => removed === 0);
  const lines = [...groupBy(rows, ({ removed }) => String(removed)).entries()]
    .sort(([x], [y]) => Number(x) - Number(y))
    .map(([removed, group]) => {
      const byFacts = group.toSorted(
        (x, y) => shareOfFacts([y.pictures]) - shareOfFacts([x.pictures]) || x.outputError - y.outputError,
      );
      const facts = byFacts.map(({ pictures }) => shareOfFacts([pictures]));
      const [best, worst] = [facts[0]!, facts.at(-1)!];
      return [
        removed,
        String(group.length),
        percent(best),
        percent(median(facts)),
        percent(worst),
        whole
          ? boundedText(
              shareOfTeacher(
                group.map(({ pictures }) => pictures),
                whole.pictures,
              ),
            )
          : 'n/a',
        `\`${byFacts[0]!.intervals}\``,
      ];
    });
  return tableOf(
    ['blocks out', 'subsets', 'facts, best', 'median', 'worst', 'mean, of the teacher’s (95 %)', 'the best'],
    lines,
  );
}

function groupBy<R>(rows: readonly R[], key: (row: R) => string): Map<string, R[]> {
  const groups = new Map<string, R[]>();
  for (const row of rows) groups.set(key(row), [...(groups.get(key(row)) ?? []), row]);
  return groups;
}
