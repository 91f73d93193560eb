/** What changes over a run: the learning rate (a linear warm-up, then a cosine down to zero at the last step, or level), and the decay of the average. */
import type { OptimizerSettings } from '../run/settings.ts';

/** `step` counts from 1 to `steps`. */
export function learningRateAt(
  { learningRate, warmupSteps, schedule }: Pick<OptimizerSettings, 'learningRate' | 'warmupSteps' | 'schedule'>,
  step: number,
  steps: number,
): number {
  if (step <= warmupSteps) return (learningRate * step) / warmupSteps;
  if (schedule === 'constant') return learningRate;
  const progress = (step - warmupSteps) / Math.max(1, steps - warmupSteps);
  return 0.5 * learningRate * (1 + Math.cos(Math.PI * progress));
}

/** `step` counts from 1. With warm-up (1 + t) / (10 + t) after t updates, at most `ema`, and 0 for the first (diffusers' EMAModel). */
export function emaDecayAt(
  { ema, emaWarmup = false }: { readonly ema: number; readonly emaWarmup?: boolean | undefined },
  step: number,
): number {
  if (!emaWarmup) return ema;
  return step === 1 ? 0 : Math.min(ema, step / (step + 9));
}
