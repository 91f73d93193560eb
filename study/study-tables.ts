/** Rows of the study's experiments as the tables of docs/study.md. */
import type { Row } from './experiments.ts';
import { factsText, mean, median, percent, rangeText, shareOfFacts, tableOf, three } from './tables.ts';

/** Arms of several seeds in one line. `teachers` by number of captions: shares are of the same captions. */
export function armTable(rows: readonly Row[], teachers: ReadonlyMap<number, Row>): string {
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
      teacher ? percent(shareOfFacts(drawn) / shareOfFacts([teacher.pictures])) : 'n/a',
      group.length > 1
        ? rangeText(
            drawn.map((one) => shareOfFacts([one])),
            percent,
          )
        : '',
      rangeText(group.map((row) => row.outputError)),
      `${group.length} × ${captions}`,
    ];
  });
  const heads = [
    'blocks out',
    'arm',
    'intervals',
    'facts right (95 %)',
    'of the teacher’s',
    'seeds or choices, mean (range)',
    'output error (range)',
    'drawn × captions',
  ];
  return tableOf(heads, lines);
}

export function removalTable(rows: readonly Row[]): string {
  const lines = [...groupBy(rows, ({ arm, removed }) => `${removed} ${arm}`).values()].map((group) => {
    const errors = group.map(({ outputError }) => outputError);
    const facts = group.map(({ pictures }) => shareOfFacts([pictures]));
    const best = group.reduce((a, b) => (a.outputError <= b.outputError ? a : b));
    const spread = (values: readonly number[], text: (value: number) => string) =>
      `${text(median(values))} (${text(Math.min(...values))} to ${text(Math.max(...values))})`;
    const { arm, removed } = group[0]!;
    return [String(removed), arm, String(group.length), spread(errors, three), spread(facts, percent), best.intervals];
  });
  const heads = [
    'blocks removed',
    'which',
    'choices',
    'output error, median (range)',
    'facts right, median (range)',
    'least output error',
  ];
  return tableOf(heads, lines);
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
        whole ? percent(mean(facts) / shareOfFacts([whole.pictures])) : 'n/a',
        `\`${byFacts[0]!.intervals}\``,
      ];
    });
  return tableOf(
    ['blocks out', 'subsets', 'facts, best', 'median', 'worst', 'mean, of the teacher’s', 'the best'],
    lines,
  );
}

function groupBy(rows: readonly Row[], key: (row: Row) => string): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) groups.set(key(row), [...(groups.get(key(row)) ?? []), row]);
  return groups;
}
