/**
 * Where a contiguous redundant interval ends (PPCL, stage 1.2). From start u the interval goes on while the difference
 * Δ(u, k) keeps falling; the first rise is a break: `v = min { k−1 : k ≥ u+2, Δ(u,k) > Δ(u,k−1) }`, and the last block
 * if there is none. The next start is v+1. A run of one block is no interval. The CKA threshold that the paper compares
 * with (and beats) is here too.
 */
import type { BlockInterval } from '../interval/interval.ts';
import { seamsOf } from '../model/config-index.ts';
import type { AnalysisReport } from '../report/report.ts';
import { readingProblem } from './reading.ts';
import type { DetectionSettings } from './settings.ts';
import { differencesOf, type ReportStreams, trajectoryOf } from './trajectory.ts';

export type DetectableReport = ReportStreams & {
  readonly model?: Partial<Pick<AnalysisReport['model'], 'stacks' | 'width'>>;
};

export type DetectionRule =
  | { readonly kind: 'difference' }
  /** The interval goes on while `cka(u, k) ≥ atLeast`. */
  | { readonly kind: 'threshold'; readonly atLeast: number };

/** Intervals of two or more blocks that the rule finds, from block 0 on, in order and without overlap; a seam ends one. None where the report cannot be read so (reading.ts). */
export function detectIntervals(
  report: DetectableReport,
  settings: DetectionSettings,
  rule: DetectionRule = { kind: 'difference' },
): BlockInterval[] {
  if (readingProblem(report, settings)) return [];
  const rows = rule.kind === 'difference' ? differencesOf(report, settings) : trajectoryOf(report, settings);
  const seams = seamsOf(report.model?.stacks ?? []);
  const intervals: BlockInterval[] = [];
  for (let first = 0; first < rows.length; ) {
    const end = seams.find((seam) => seam > first) ?? rows.length;
    // Behind the seam there is nothing to go on with.
    const row = (rows[first] ?? []).slice(0, end);
    const last = rule.kind === 'difference' ? lastBeforeBreak(row, first) : lastAtLeast(row, first, rule.atLeast);
    if (last > first) intervals.push({ first, last });
    first = last + 1;
  }
  return intervals;
}

/** The first rise of a row of differences: what ends a run, and what it is compared with. */
export interface Rise {
  /** The block k whose difference is above the one before it; the run ends at k − 1. */
  readonly block: number;
  readonly delta: number;
  /** The last difference before it: at k − 1, or earlier where blocks between them have none. */
  readonly before: { readonly block: number; readonly delta: number };
}

/**
 * The first rise in the row of differences Δ(first, ·), or null where there is none. Ties go on. A null is no evidence: it
 * neither breaks nor resets, and the next difference is compared with the last one before it.
 */
export function firstRise(deltas: readonly (number | null)[], first: number): Rise | null {
  let before: Rise['before'] | null = null;
  for (let block = first + 1; block < deltas.length; block++) {
    const delta = deltas[block] ?? null;
    if (delta === null) continue;
    if (before !== null && delta > before.delta) return { block, delta, before };
    before = { block, delta };
  }
  return null;
}

/** The last block of the interval that starts at `first`, given its row of differences Δ(first, ·). */
export function lastBeforeBreak(deltas: readonly (number | null)[], first: number): number {
  return (firstRise(deltas, first)?.block ?? deltas.length) - 1;
}

function lastAtLeast(cka: readonly (number | null)[], first: number, atLeast: number): number {
  for (let k = first + 1; k < cka.length; k++) {
    const value = cka[k] ?? null;
    if (value !== null && value < atLeast) return k - 1;
  }
  return cka.length - 1;
}
