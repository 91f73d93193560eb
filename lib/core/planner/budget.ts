/**
 * What a plan may cost at most: parameters, file size, operations, time or memory, as an amount or as a share of the
 * teacher's. `params=12B`, `size=24GB`, `flops=60%`, `time=1.2s`, `memory=24GB@bf16`: the terminal and the page's
 * address write it like this. What a plan costs is in edit-costs.ts.
 */
import { ContiguaError } from '../errors.ts';

export const BUDGET_KINDS = ['params', 'size', 'flops', 'time', 'memory'] as const;
/**
 * `params`: parameters of the transformer. `size`: bytes of its weight files. `flops` and `time`: one drawing step, which
 * is two forwards with classifier-free guidance. `memory`: bytes of the weights and of one forward's activations.
 */
export type BudgetKind = (typeof BUDGET_KINDS)[number];

/** Bytes of one value. */
export const BUDGET_DTYPES = { fp32: 4, bf16: 2, fp16: 2, fp8: 1, int8: 1 } as const;
export type BudgetDtype = keyof typeof BUDGET_DTYPES;

export interface Budget {
  readonly kind: BudgetKind;
  /** More than 0. A share is of the teacher's cost: 0.6 for 60 %. */
  readonly limit: { readonly share: number } | { readonly amount: number };
  /** Of `size` and `memory`: what weights are stored as; null for the dtypes of the open files. */
  readonly dtype: BudgetDtype | null;
}

/** Milliseconds, for `time`; operations, bytes and parameters are counted one by one. */
const UNITS: Readonly<Record<BudgetKind, Readonly<Record<string, number>>>> = {
  params: { '': 1, k: 1e3, m: 1e6, b: 1e9, t: 1e12 },
  size: bytes(),
  memory: bytes(),
  flops: { '': 1, flop: 1, m: 1e6, mflop: 1e6, g: 1e9, gflop: 1e9, t: 1e12, tflop: 1e12, p: 1e15, pflop: 1e15 },
  time: { ms: 1, s: 1e3, min: 60e3 },
};
const WRITTEN: Readonly<Record<BudgetKind, readonly string[]>> = {
  params: ['k', 'M', 'B', 'T'],
  size: ['kB', 'MB', 'GB', 'TB', 'KiB', 'MiB', 'GiB'],
  memory: ['kB', 'MB', 'GB', 'TB', 'KiB', 'MiB', 'GiB'],
  flops: ['MFLOP', 'GFLOP', 'TFLOP', 'PFLOP'],
  time: ['ms', 's', 'min'],
};

const EXAMPLES = 'params=12B, size=24GB, flops=60%, time=1.2s or memory=24GB@bf16';

/** Throws `plan-invalid`, naming `where`, for a budget that cannot be read. */
export function parseBudget(text: string, where: string): Budget {
  const refuse = (summary: string, expected: string) =>
    new ContiguaError('plan-invalid', `${where}: ${summary}`, { found: text, expected });
  const parts = /^\s*([a-z]+)\s*=\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*|%)(?:@([a-z0-9]+))?\s*$/i.exec(text);
  if (!parts) throw refuse('The budget is not readable', EXAMPLES);
  const [, name = '', number = '', unit = '', type] = parts;
  const kind = BUDGET_KINDS.find((one) => one === name.toLowerCase());
  if (!kind) throw refuse('There is no such kind of budget', BUDGET_KINDS.join(', '));
  const dtypes = Object.keys(BUDGET_DTYPES) as BudgetDtype[];
  const dtype = type === undefined ? null : (dtypes.find((one) => one === type.toLowerCase()) ?? undefined);
  if (dtype === undefined) throw refuse('There is no such dtype', dtypes.join(', '));
  if (dtype !== null && !takesDtype(kind)) throw refuse('Only size and memory depend on a dtype', `${kind}=…`);
  const value = Number(number);
  if (!(value > 0)) throw refuse('The budget is nothing at all', 'more than 0');
  if (unit === '%') return { kind, limit: { share: value / 100 }, dtype };
  const size = UNITS[kind][unit.toLowerCase()];
  if (size === undefined) throw refuse('The budget has no such unit', `%, ${WRITTEN[kind].join(', ')}`);
  return { kind, limit: { amount: value * size }, dtype };
}

export function takesDtype(kind: BudgetKind): boolean {
  return kind === 'size' || kind === 'memory';
}

/** What `parseBudget` reads as the same budget, without rounding: `params=12000000000`, `flops=60%`. */
export function formatBudget({ kind, limit, dtype }: Budget): string {
  const amount = 'share' in limit ? `${Number((limit.share * 100).toPrecision(12))}%` : plainAmount(kind, limit.amount);
  return `${kind}=${amount}${dtype === null ? '' : `@${dtype}`}`;
}

/** In the largest unit that loses no digit. */
function plainAmount(kind: BudgetKind, amount: number): string {
  const units = WRITTEN[kind].filter((unit) => !unit.includes('i'));
  for (const unit of units.toReversed()) {
    const value = amount / UNITS[kind][unit.toLowerCase()]!;
    if (value >= 1 && value * UNITS[kind][unit.toLowerCase()]! === amount && String(value).length <= 6) {
      return `${value}${unit}`;
    }
  }
  const [smallest = ''] = kind === 'time' ? ['ms'] : [''];
  return kind === 'size' || kind === 'memory' ? `${amount}B` : `${amount}${smallest}`;
}

/** "12.3 B parameters", "24.0 GB", "1.20 s": three significant figures. */
export function amountWords(kind: BudgetKind, amount: number): string {
  const value = Math.max(0, amount);
  if (kind === 'time') return value < 1e3 ? `${threeFigures(value)} ms` : `${threeFigures(value / 1e3)} s`;
  const prefixes = [
    [1e15, 'P'],
    [1e12, 'T'],
    [1e9, kind === 'params' ? 'B' : 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const;
  const suffix = { params: ' parameters', size: 'B', memory: 'B', flops: 'FLOP' }[kind];
  const found = prefixes.find(([size]) => value >= size);
  return found ? `${threeFigures(value / found[0])} ${found[1]}${suffix}` : `${Math.round(value)} ${suffix.trim()}`;
}

function threeFigures(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function bytes(): Readonly<Record<string, number>> {
  const names = ['k', 'm', 'g', 't'];
  return Object.fromEntries([
    ['b', 1],
    ...names.map((name, i) => [`${name}b`, 1000 ** (i + 1)] as const),
    ...names.map((name, i) => [`${name}ib`, 1024 ** (i + 1)] as const),
  ]);
}
