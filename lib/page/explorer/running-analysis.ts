/** What is known of an analysis while it runs: stages and partial results, folded from progress reports. Pure. */

import type { AnalysisEstimate, AnalysisPartial } from '@/lib/compute/protocol.ts';
import type { PerStream } from '@/lib/core/report/report.ts';
import { bytesWords, remainingWords } from '../browser/number-words.ts';
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
  /** One block is being measured, for the estimate. */
  readonly isMeasuring?: boolean;
  /** Nothing but that was asked for. */
  readonly isEstimate?: boolean;
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

export interface EstimateFact {
  readonly name: string;
  readonly value: string;
  /** In more words. */
  readonly title?: string | undefined;
}

/** Time, memory, storage, bytes read, and what damage takes of the time. */
export function estimateFacts(
  { seconds, damage, memoryBytes, storedBytes, readBytes }: AnalysisEstimate,
  inStorage: boolean,
): readonly EstimateFact[] {
  const total = Object.values(seconds).reduce((sum, of) => sum + of, 0);
  const { intervals, samples, secondsPerInterval } = damage;
  return [
    { name: 'Time', value: `about ${remainingWords(1000 * total)}` },
    {
      name: 'of it damage',
      value: intervals === 0 ? 'not measured' : `about ${remainingWords(1000 * seconds.damage)}`,
      title: `Up to ${intervals} intervals on ${samples} samples, ${remainingWords(1000 * secondsPerInterval)} for each interval`,
    },
    { name: 'Memory at peak', value: bytesWords(memoryBytes) },
    {
      name: inStorage ? 'Browser storage' : 'States in memory',
      value: bytesWords(storedBytes),
      title: inStorage ? 'Files of this site in the browser, kept until another large model is analysed' : undefined,
    },
    { name: 'Read of the model', value: bytesWords(readBytes) },
  ];
}

function placed(values: Values, index: number, value: number | null): Values {
  return Array.from({ length: Math.max(values.length, index + 1) }, (_, i) => (i === index ? value : values[i]));
}
