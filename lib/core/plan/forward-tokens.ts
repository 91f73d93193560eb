/** The tokens of one forward that costs are quoted for. */
import type { StreamTokens } from '../model/config-index.ts';
import type { CalibrationFacts } from '../report/report.ts';

/**
 * A calibration file holds forwards as the model is used: its valid tokens, whether an analysis read all of them or a sample.
 * Without one, what the model's summary assumes.
 */
export function tokensOf(
  { tokensPerForward }: { readonly tokensPerForward: StreamTokens },
  calibration: CalibrationFacts | null,
): StreamTokens {
  return calibration?.kind === 'file' ? tokensPerSample(calibration) : tokensPerForward;
}

/** The valid tokens of one sample of any calibration, a mean: what a forward on it has, without padding. */
export function tokensPerSample({ samples, validTokens, tokens }: CalibrationFacts): StreamTokens {
  const counts = Object.entries({ ...tokens, ...validTokens });
  return Object.fromEntries(counts.map(([stream, count]) => [stream, Math.round(count / samples)]));
}
