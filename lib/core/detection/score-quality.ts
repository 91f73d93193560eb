/**
 * How well a score predicted, where that was measured: the sample models, every short interval replaced by a briefly trained
 * student (docs/damage-scores.md). `npm run study -- --parts quality` writes the figures.
 */
import type { MeasuredQuality, WrittenCorrelation } from './measured-quality.ts';
import { MEASURED_QUALITY } from './score-quality-measured.ts';
import type { DamageScore } from './scores/index.ts';

/**
 * One sentence per sample model: "On shapes-mmdit, over 54 intervals: ρ 0.90 [0.80, 0.95] with the facts lost after
 * distillation (…)". Empty where nothing is measured.
 */
export function qualitySentences(score: DamageScore, of: MeasuredQuality = MEASURED_QUALITY): string[] {
  return Object.entries(of).flatMap(([model, { steps, captions, scores }]) => {
    const quality = scores[score];
    if (!quality) return [];
    const { intervals, plans } = quality;
    const ofPlans = plans ? `; ${correlation(plans)} over ${plans.n} plans compared at equal depth` : '';
    return [
      `On ${model}, over ${intervals.n} intervals: ${correlation(intervals)} with the facts of ${captions} captions lost after ${steps} steps of distillation${ofPlans}.`,
    ];
  });
}

function correlation({ rho, low, high }: WrittenCorrelation): string {
  return `ρ ${number(rho)} [${number(low)}, ${number(high)}]`;
}

function number(value: number): string {
  return value.toFixed(2).replace('-', '−');
}
