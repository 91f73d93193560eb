/** The learning rate over a run: a linear warm-up, then a cosine down to zero at the last step, or level. */
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
