/** An analysis as the report that the product keeps: what was measured, of which model, on which engine its states were computed. */
import type { ModelSummary } from '../folder/model-summary.ts';
import { type AnalysisReport, REPORT_VERSION } from '../report/report.ts';
import type { EngineReport } from '../tensor/engine.ts';
import type { Analysed } from './analyse.ts';

export function reportOf(
  { analysis }: Analysed,
  { name, fingerprint, className, family, numBlocks, width, streams, stacks, blocks }: ModelSummary,
  engine: EngineReport | null,
): AnalysisReport {
  return {
    ...analysis,
    version: REPORT_VERSION,
    model: {
      name,
      fingerprint,
      className,
      family,
      numBlocks,
      width,
      streams,
      stacks: stacks.map(({ id, label, first, last }) => ({ id, label, first, last })),
      blocks: blocks.map(({ kind, stack, updates }) => ({ kind, stack, updates })),
    },
    engine: engine && { name: engine.name, device: engine.device },
  };
}
