/** What the detection rule says under the present settings. Derived from the report on the page; nothing is stored. */
import {
  type DamageScore,
  type DetectionSettings,
  detectIntervals,
  differencesOf,
  lastBeforeBreak,
  type RankedInterval,
  rankByDamage,
  trajectoryOf,
} from '@/lib/core/detection/index.ts';
import type { BlockInterval } from '@/lib/core/interval/interval.ts';
import type { AnalysisReport, Matrix } from '@/lib/core/report/report.ts';

export interface Detection {
  readonly detected: readonly BlockInterval[];
  /** Last block of the run that begins at u, for every u [M]. */
  readonly lastFrom: readonly number[];
  /** cka(u, k) of the two streams and of their mean, [M][M] each. */
  readonly cka: Readonly<Record<'mean' | 'image' | 'text', Matrix>>;
}

/** Trajectories and intervals depend on the streams' numbers alone, so new damage values do not redo them. */
export function detectionOf(streams: AnalysisReport['streams'], settings: DetectionSettings): Detection {
  const report = { streams };
  const of = (choice: DetectionSettings['streams']) => trajectoryOf(report, { ...settings, streams: choice });
  return {
    detected: detectIntervals(report, settings),
    lastFrom: differencesOf(report, settings).map((row, start) => lastBeforeBreak(row, start)),
    cka: { mean: of('mean'), image: of('image'), text: of('text') },
  };
}

export function rankedBy(
  report: AnalysisReport,
  intervals: readonly BlockInterval[],
  score: DamageScore,
  settings: DetectionSettings,
): readonly RankedInterval[] {
  return rankByDamage(report, intervals, score, settings);
}
