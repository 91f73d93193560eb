/** `contigua analyse --ablation`: runs of blocks, blocks and their parts taken out one by one, within the limits of the analysis. */
import type { WorkerClient } from '../lib/compute/client.ts';
import type { CalibrationSource, EngineLimits, Progress } from '../lib/compute/protocol.ts';
import {
  ABLATIONS,
  type Ablation,
  ablationsOf,
  DEFAULT_DETECTION,
  detectIntervals,
  unmeasured,
} from '../lib/core/detection/index.ts';
import type { AnalysisReport } from '../lib/core/report/index.ts';
import { type Arguments, usage } from './arguments.ts';

/** "blocks,parts": any of them, with commas. */
export function ablationsAskedFor(args: Arguments): readonly Ablation[] {
  const asked = args.text('ablation')?.split(',') ?? [];
  return asked.map((word) => {
    const found = ABLATIONS.find((name) => name === word.trim());
    if (!found)
      throw usage('analyse', '--ablation does not fit', word, `${ABLATIONS.join(', ')}, or several with commas`);
    return found;
  });
}

/** The report with every ablation that it does not have yet. */
export async function withAblations(
  client: WorkerClient,
  report: AnalysisReport,
  calibration: CalibrationSource,
  ablations: readonly Ablation[],
  limits: EngineLimits | undefined,
  options: { readonly signal: AbortSignal; readonly onProgress: (progress: Progress) => void },
): Promise<AnalysisReport> {
  const { ridge, tokens, damageSamples } = report.settings;
  const split = report.split.rule;
  const probes = { calibration, ridge, split, tokens, damageSamples: damageSamples ?? undefined };
  let measured = report;
  for (const which of ablations) {
    const { edits, parts } = unmeasured(
      measured,
      ablationsOf(which, measured.model, detectIntervals(measured, DEFAULT_DETECTION)),
    );
    if (edits.length > 0) {
      const damage = await client.call('damage', { edits, probes, limits }, options);
      measured = { ...measured, damage: [...measured.damage, ...damage] };
    }
    if (parts.length > 0) {
      const found = await client.call('parts', { parts, probes, limits }, options);
      measured = { ...measured, parts: [...measured.parts, ...found] };
    }
  }
  return measured;
}
