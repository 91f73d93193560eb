/** What the detection rule says under the present settings. Derived from the report on the page; nothing is stored. */
import { type DetectionSettings, detectIntervals } from '@/lib/core/detection/index.ts';
import type { BlockInterval } from '@/lib/core/interval/index.ts';
import type { AnalysisReport } from '@/lib/core/report/report.ts';

/** Depends on the streams' numbers alone, so that new damage values do not redo it. */
export function detectedIn(
  { streams, model }: Pick<AnalysisReport, 'streams' | 'model'>,
  settings: DetectionSettings,
): readonly BlockInterval[] {
  return detectIntervals({ streams, model }, settings);
}
