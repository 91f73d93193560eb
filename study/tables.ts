/** Tables between markers of a Markdown page, `<!-- NAME -->` … `<!-- /NAME -->`; the words around them stay. Numbers as text. */
import { readFile, writeFile } from 'node:fs/promises';
import type { RankCorrelation } from '../lib/core/detection/rank-correlation.ts';
import { wilsonInterval } from '../lib/core/wilson-interval.ts';
import type { Pictures } from './sample.ts';

/** Replaces the tables that are given; throws for one that the page has no place for. */
export async function writeTables(path: string, tables: Readonly<Record<string, string>>): Promise<void> {
  let page = await readFile(path, 'utf8');
  for (const [name, table] of Object.entries(tables)) {
    const marked = new RegExp(`(<!-- ${name} -->\n)[\\s\\S]*?(<!-- /${name} -->)`);
    if (!marked.test(page)) throw new Error(`${path} has no place for the table "${name}"`);
    page = page.replace(marked, (_, open: string, close: string) => `${open}${table}\n${close}`);
  }
  await writeFile(path, page);
}

export function tableOf(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  return [heads, heads.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`.replace(/ {2,}/g, ' '))
    .join('\n');
}

/** "98.6 % (97.9 to 99.1)": Wilson's interval over the facts of one drawing of each caption. */
export function factsText(pictures: readonly Pictures[]): string {
  const [held, total] = [sumOf(pictures, 'held'), sumOf(pictures, 'total')];
  // Seeds draw the same captions: they do not add independent facts.
  const [share, facts] = [held / total, total / pictures.length];
  const { low, high } = wilsonInterval(share * facts, facts);
  return `${percent(share)} (${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)})`;
}

export function shareOfFacts(pictures: readonly Pictures[]): number {
  return sumOf(pictures, 'held') / sumOf(pictures, 'total');
}

function sumOf(pictures: readonly Pictures[], side: 'held' | 'total'): number {
  return sum(pictures.map((one) => sum(one[side])));
}

/** "0.785 (0.66 to 0.87)" */
export function rhoText(rho: RankCorrelation | null): string {
  if (rho === null) return 'n/a';
  const interval = rho.bounds && ` (${rho.bounds.low.toFixed(2)} to ${rho.bounds.high.toFixed(2)})`;
  return `${rho.rho.toFixed(2)}${interval ?? ''}`;
}

/** "0.0951 (0.0946 to 0.0957)", the range over seeds or choices; the number alone where there is one. */
export function rangeText(values: readonly number[], text: (value: number) => string = three): string {
  const [least, most] = [text(Math.min(...values)), text(Math.max(...values))];
  return values.length === 1 ? least : `${text(sum(values) / values.length)} (${least} to ${most})`;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((x, y) => x - y);
  return (sorted[Math.floor((sorted.length - 1) / 2)]! + sorted[Math.ceil((sorted.length - 1) / 2)]!) / 2;
}

export function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

export function three(value: number): string {
  return value.toPrecision(3);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
