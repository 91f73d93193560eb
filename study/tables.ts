/** Writes measured tables between markers of a Markdown page, `<!-- study: NAME -->` … `<!-- /study -->`; the words around them stay. */
import { readFile, writeFile } from 'node:fs/promises';
import type { Row, StudySettings } from './experiments.ts';
import type { Quality } from './lab.ts';

export interface StudyTables {
  readonly settings: StudySettings;
  readonly device: string;
  readonly teacher: Quality;
  readonly removal: readonly Row[];
  readonly depths: readonly Row[];
  readonly fineTuned: readonly Row[];
  readonly ablation: readonly Row[];
  readonly rules: readonly Row[];
  readonly subsets: readonly Row[];
}

/** Experiments that were not asked for, or not reached: their tables stay as they are. */
export const NOTHING_YET = { removal: [], depths: [], fineTuned: [], ablation: [], rules: [], subsets: [] } as const;

export async function writeTables(path: string, tables: StudyTables): Promise<void> {
  let page = await readFile(path, 'utf8');
  const sections: Record<string, string> = {
    settings: settingsLine(tables),
    removal: removalTable(tables.removal),
    depths: tables.depths.length > 0 ? armTable([...tables.depths, ...tables.fineTuned], tables.teacher) : '',
    ablation: armTable(tables.ablation, tables.teacher),
    rules: armTable(tables.rules, tables.teacher),
    subsets: subsetTable(tables.subsets),
  };
  for (const [name, table] of Object.entries(sections)) {
    if (table === '') continue;
    const marked = new RegExp(`(<!-- study: ${name} -->\n)[\\s\\S]*?(<!-- /study -->)`);
    if (!marked.test(page)) throw new Error(`${path} has no place for the table "${name}"`);
    page = page.replace(marked, (_, open: string, close: string) => `${open}${table}\n${close}`);
  }
  await writeFile(path, page);
}

function settingsLine({ settings, device, teacher }: StudyTables): string {
  const { seeds, steps, ablationSteps, fineTuneSteps, pictures, fewPictures } = settings;
  return [
    `Engine ${device}; seeds ${seeds.join(', ')}; ${steps} steps per student (ablation and rules: ${ablationSteps}), ${fineTuneSteps} of fine-tune;`,
    `facts over ${pictures} unseen captions (removal and subsets: ${fewPictures}). Teacher: ${percent(teacher.facts)} of facts.`,
  ].join('\n');
}

function armTable(rows: readonly Row[], teacher: Quality): string {
  if (rows.length === 0) return '';
  const groups = groupBy(rows, keyOf);
  const lines = [...groups.values()].map((group) => {
    const [first] = group;
    const facts = group.map(({ quality }) => quality.facts);
    const errors = group.map(({ quality }) => quality.outputError);
    const kept = mean(facts) / teacher.facts;
    const intervals = new Set(group.map((row) => row.intervals));
    return `| ${first!.removed} | ${first!.arm} | ${intervals.size === 1 ? `\`${first!.intervals}\`` : `${intervals.size} choices`} | ${spread(facts, percent)} | ${percent(kept)} | ${spread(errors, three)} | ${group.length} |`;
  });
  return [
    '| blocks gone | arm | intervals | facts right (range) | of the teacher’s | output error (range) | seeds |',
    '|---|---|---|---|---|---|---|',
    ...lines,
  ].join('\n');
}

function removalTable(rows: readonly Row[]): string {
  if (rows.length === 0) return '';
  const lines = [...groupBy(rows, ({ arm, removed }) => `${removed} ${arm}`).values()].map((group) => {
    const errors = group.map(({ quality }) => quality.outputError).sort((x, y) => x - y);
    const facts = group.map(({ quality }) => quality.facts).sort((x, y) => x - y);
    const best = group.reduce((a, b) => (a.quality.outputError <= b.quality.outputError ? a : b));
    const { arm, removed } = group[0]!;
    return `| ${removed} | ${arm} | ${group.length} | ${three(median(errors))} (${three(errors[0]!)} to ${three(errors.at(-1)!)}) | ${percent(median(facts))} (${percent(facts[0]!)} to ${percent(facts.at(-1)!)}) | ${best.intervals} |`;
  });
  return [
    '| blocks removed | which | choices | output error, median (range) | facts right, median (range) | least damage |',
    '|---|---|---|---|---|---|',
    ...lines,
  ].join('\n');
}

function subsetTable(rows: readonly Row[]): string {
  if (rows.length === 0) return '';
  // On the same few captions as the subsets.
  const teacher = rows.find(({ removed }) => removed === 0)?.quality.facts ?? Number.NaN;
  const lines = [...groupBy(rows, ({ removed }) => String(removed)).entries()]
    .sort(([x], [y]) => Number(x) - Number(y))
    .map(([removed, group]) => {
      const byFacts = group.toSorted(
        (x, y) => y.quality.facts - x.quality.facts || x.quality.outputError - y.quality.outputError,
      );
      const facts = byFacts.map(({ quality }) => quality.facts);
      return `| ${removed} | ${group.length} | ${percent(facts[0]!)} | ${percent(median(facts))} | ${percent(facts.at(-1)!)} | ${percent(facts[0]! / teacher)} | \`${byFacts[0]!.intervals}\` |`;
    });
  return [
    '| blocks gone | subsets | facts, best | median | worst | best, of the teacher’s | the best |',
    '|---|---|---|---|---|---|---|',
    ...lines,
  ].join('\n');
}

function keyOf({ arm, removed }: Row): string {
  return `${removed} ${arm}`;
}

function groupBy(rows: readonly Row[], key: (row: Row) => string): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) groups.set(key(row), [...(groups.get(key(row)) ?? []), row]);
  return groups;
}

function spread(values: readonly number[], text: (value: number) => string): string {
  if (values.length === 1) return text(values[0]!);
  return `${text(mean(values))} (${text(Math.min(...values))} to ${text(Math.max(...values))})`;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((x, y) => x - y);
  return (sorted[Math.floor((sorted.length - 1) / 2)]! + sorted[Math.ceil((sorted.length - 1) / 2)]!) / 2;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function three(value: number): string {
  return value.toPrecision(3);
}
