/** What is known of an analysis while it runs: stages and partial results, folded from progress reports. Pure. */

import type { AnalysisEstimate, AnalysisPartial, AnyEstimate, MeasuredRun } from '@/lib/compute/protocol.ts';
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
  /** Damage measured so far, in the order in which it came. */
  readonly damage: readonly MeasuredRun[];
  /** What the run was expected to take, where that was measured before. */
  readonly estimate: AnyEstimate | null;
  /** One block is being measured, or noise is compared in place of a trace's states, for the estimate. */
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
  return { startedAtMs, stages: [], captured: 0, probeR2: {}, damage: [], estimate: null };
}

export function withProgress(running: RunningAnalysis, progress: TimedProgress): RunningAnalysis {
  const { partial, atMs } = progress;
  const next = { ...running, stages: withStage(running.stages, progress, atMs) };
  if (partial?.kind === 'captured') return { ...next, captured: Math.max(running.captured, partial.block + 1) };
  if (partial?.kind === 'damage') return { ...next, damage: [...running.damage, partial] };
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

/** Time, memory, storage, bytes read, and what damage takes of the time, which is not measured on a trace. */
export function estimateFacts(estimate: AnyEstimate, inStorage: boolean): readonly EstimateFact[] {
  const { seconds, memoryBytes, storedBytes, readBytes } = estimate;
  const total = Object.values(seconds).reduce((sum, of) => sum + of, 0);
  const isModel = 'damage' in estimate;
  const stored = isModel ? 'States' : 'Probes and surrogates';
  return [
    { name: 'Time', value: `about ${remainingWords(1000 * total)}` },
    ...(isModel ? [damageFact(estimate)] : []),
    { name: 'Memory at peak', value: bytesWords(memoryBytes) },
    {
      name: inStorage ? 'Browser storage' : isModel ? 'States in memory' : 'Kept in memory',
      value: bytesWords(storedBytes),
      title: inStorage
        ? `${stored}: files of this site in the browser, kept until another large model is analysed`
        : stored,
    },
    { name: isModel ? 'Read of the model' : 'Read of the trace', value: bytesWords(readBytes) },
  ];
}

function damageFact({ seconds, damage }: Pick<AnalysisEstimate, 'seconds' | 'damage'>): EstimateFact {
  const { intervals, samples, secondsPerInterval } = damage;
  return {
    name: 'of it damage',
    value: intervals === 0 ? 'not measured' : `about ${remainingWords(1000 * seconds.damage)}`,
    title: `Up to ${intervals} intervals on ${samples} samples, ${remainingWords(1000 * secondsPerInterval)} for each interval`,
  };
}

function placed(values: Values, index: number, value: number | null): Values {
  return Array.from({ length: Math.max(values.length, index + 1) }, (_, i) => (i === index ? value : values[i]));
}
