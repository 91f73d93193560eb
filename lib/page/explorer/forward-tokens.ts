/** The tokens of one forward that costs are quoted for. */
import type { ModelSummary } from '@/lib/core/folder/model-summary.ts';
import type { CalibrationFacts } from '@/lib/core/report/report.ts';

export type ForwardTokens = ModelSummary['tokensPerForward'];

/** A calibration file holds forwards as the model is used; without one, what the model's summary assumes. */
export function tokensOf(
  { tokensPerForward }: Pick<ModelSummary, 'tokensPerForward'>,
  calibration: CalibrationFacts | null,
): ForwardTokens {
  if (calibration?.kind !== 'file') return tokensPerForward;
  const { samples, tokens } = calibration;
  return Object.fromEntries(Object.entries(tokens).map(([stream, count]) => [stream, Math.round(count / samples)]));
}
