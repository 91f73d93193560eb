/** What is known of an analysis while it runs: stages and partial results, folded from progress reports. Pure. */

import type { AnalysisEstimate, AnalysisPartial } from '@/lib/compute/protocol.ts';
import type { PerStream } from '@/lib/core/report/report.ts';
import { bytesWords, durationWords } from '../browser/number-words.ts';
import { type RunningStage, type StageProgress, withStage } from './progress.ts';

type Values = readonly (number | null | undefined)[];

export interface RunningAnalysis {
  readonly startedAtMs: number;
  readonly stages: readonly RunningStage[];
  /** Blocks captured so far. */
  readonly captured: number;
  /** R² of the probes fitted so far; undefined where none is yet. A stream has no entry before its first probe. */
  readonly probeR2: PerStream<Values>;
  /** What the run was expected to take, where that was measured before. */
  readonly estimate: AnalysisEstimate | null;
}

/** One report and when it came. */
export interface TimedProgress extends StageProgress {
  readonly partial?: AnalysisPartial;
  readonly atMs: number;
}

export function begunAt(startedAtMs: number): RunningAnalysis {
  return { startedAtMs, stages: [], captured: 0, probeR2: {}, estimate: null };
}

export function withProgress(running: RunningAnalysis, progress: TimedProgress): RunningAnalysis {
  const { partial, atMs } = progress;
  const next = { ...running, stages: withStage(running.stages, progress, atMs) };
  if (partial?.kind === 'captured') return { ...next, captured: Math.max(running.captured, partial.block + 1) };
  if (partial?.kind !== 'probe') return next;
  const { block, r2 } = partial;
  const placedIn = Object.entries(r2).map(([stream, value]) => {
    return [stream, placed(running.probeR2[stream] ?? [], block, value)] as const;
  });
  return { ...next, probeR2: { ...running.probeR2, ...Object.fromEntries(placedIn) } };
}

/** "Estimated: 12 min, 3.1 GB of memory at the peak, 640 MB of this browser's storage, 4.1 GB read." */
export function estimateWords({ seconds, memoryBytes, storedBytes, readBytes }: AnalysisEstimate): string {
  const total = Object.values(seconds).reduce((sum, of) => sum + of, 0);
  const parts = [
    durationWords(1000 * total),
    `${bytesWords(memoryBytes)} of memory at the peak`,
    `${bytesWords(storedBytes)} of this browser’s storage`,
    `${bytesWords(readBytes)} read`,
  ];
  return `Estimated: ${parts.join(', ')}.`;
}

function placed(values: Values, index: number, value: number | null): Values {
  return Array.from({ length: Math.max(values.length, index + 1) }, (_, i) => (i === index ? value : values[i]));
}
