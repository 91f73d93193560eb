/**
 * The sections of bench/gpu.ts: each is measured by processes of its own and within a time limit, so that what fails or
 * hangs on one graphics processor is reported and costs none of the others.
 */
import type { PytorchOptions } from './contestants.ts';
import { spread } from './turns.ts';

export interface GpuOptions {
  /** What is measured. */
  readonly engine: string;
  /** What it is compared with, the first as the reference for numbers. */
  readonly others: readonly string[];
  /** Null for no comparison with PyTorch. */
  readonly pytorch: PytorchOptions | null;
  readonly threads: number;
  readonly turns: number;
  readonly batches: readonly number[];
  /** Of an analysis. */
  readonly samples: number;
}

/** A table, or the reason why there is none; `notes` stand below it. */
export interface Section {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly notes: readonly string[];
  /** The same and more, as numbers. */
  readonly data: unknown;
  /** Something did not run, or is wrong. */
  readonly failed: boolean;
}

export interface SectionPlan {
  readonly title: string;
  /** `owned` takes over what must be ended when the section ends or has taken too long. */
  measure(owned: (end: () => void) => void): Promise<Omit<Section, 'title'>>;
}

export async function measureSection({ title, measure }: SectionPlan, limitSeconds: number): Promise<Section> {
  const ends: (() => void)[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it took longer than ${limitSeconds} s`)), 1000 * limitSeconds);
  });
  try {
    return { title, ...(await Promise.race([measure((end) => ends.push(end)), deadline])) };
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    return { title, columns: [], rows: [], notes: [`**Failed**: ${reason}`], data: { failed: reason }, failed: true };
  } finally {
    clearTimeout(timer);
    for (const end of ends) end();
  }
}

export function markdown({ title, columns, rows, notes }: Section): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const table = columns.length > 0 ? [line(columns), line(columns.map(() => '---')), ...rows.map(line), ''] : [];
  return [`## ${title}`, '', ...table, ...notes.flatMap((note) => [note, ''])].join('\n');
}

/** Three figures, as what is compared spans microseconds to minutes. */
export function milliseconds(value: number): string {
  return `${Number(value.toPrecision(3)).toLocaleString('en-US')} ms`;
}

/** Median and quartiles of a ratio that was taken turn by turn. */
export function ratioOf(times: readonly number[], peer: readonly number[]): string {
  const { median, low, high } = spread(times.map((ms, turn) => ms / (peer[turn] ?? Number.NaN)));
  const [middle, from, to] = [median, low, high].map((value) => Number(value.toPrecision(2)).toString());
  return `${middle} × (${from} to ${to})`;
}

/** Largest difference, relative to the largest value of the reference; NaN where one has no number. */
export function worstDifference(
  found: readonly (number | null)[] | undefined,
  reference: readonly (number | null)[] | undefined,
): number {
  if (!found || !reference || found.length === 0 || found.length !== reference.length) return Number.NaN;
  const size = Math.max(...reference.map((value) => Math.abs(value ?? Number.NaN)));
  return Math.max(...reference.map((value, i) => Math.abs((found[i] ?? Number.NaN) - (value ?? Number.NaN)))) / size;
}

export function shownDifference(value: number): string {
  return Number.isFinite(value) ? value.toExponential(1) : 'no number';
}
