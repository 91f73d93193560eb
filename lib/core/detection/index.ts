export {
  chooseByBudget,
  DAMAGE_SCORES,
  type DamageScore,
  DEFAULT_DAMAGE_SCORE,
  damageScore,
  type RankableReport,
  type RankedInterval,
  rankByDamage,
  totalScore,
} from './damage.ts';
export { chooseLeastDamage, leastDamage } from './partition.ts';
export { type DetectableReport, type DetectionRule, detectIntervals, lastBeforeBreak } from './rule.ts';
export { DEFAULT_DETECTION, type DetectionSettings, type StreamChoice } from './settings.ts';
export { differences, differencesOf, type ReportStreams, similarityOf, trajectoryOf } from './trajectory.ts';
