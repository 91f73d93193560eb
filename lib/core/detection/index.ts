export {
  ABLATIONS,
  type Ablated,
  type Ablation,
  ablationsOf,
  blockAblation,
  LONGEST_ABLATION,
  type NamedPart,
  runsOf,
  unmeasured,
} from './ablation.ts';
export { type AblationWork, ablationWork, WAYS_PER_READING } from './ablation-work.ts';
export { estimatedError } from './choice-estimate.ts';
export {
  addedDamage,
  chooseByBudget,
  damageScore,
  type RankedInterval,
  rankByDamage,
  totalOfAdded,
  totalScore,
} from './damage.ts';
export { confidenceUnder, foundIn, type ResampledReport, shareIn } from './found-in.ts';
export { assertComparable, type NamedReport, type OverlaidInterval, overlayDetections } from './overlay.ts';
export { chooseLeastDamage, leastDamage } from './partition.ts';
export { LEAST_PAIRS, type RankCorrelation, rankCorrelation } from './rank-correlation.ts';
export {
  areReadable,
  type ReadingProblem,
  readingProblem,
  type ShortStream,
  type TokenCounts,
} from './reading.ts';
export { caveatWords, problemReason, problemWords, splitTable, splitWords, tokensWords } from './reading-words.ts';
export { type RowsNeeded, rowsNeeded } from './rows-needed.ts';
export {
  type DetectableReport,
  type DetectionRule,
  detectIntervals,
  firstRise,
  lastBeforeBreak,
  type Rise,
} from './rule.ts';
export { referenceIntervals, type ScoreCorrelation, scoreCorrelations } from './score-correlations.ts';
export { qualitySentences } from './score-quality.ts';
export { earlyWeighted } from './scores/early-weighted.ts';
export {
  DAMAGE_SCORES,
  type DamageScore,
  DEFAULT_DAMAGE_SCORE,
  type NamedScore,
  REFERENCE_SCORE,
  STAND_IN_SCORE,
  scoreNamed,
} from './scores/index.ts';
export type { RankableReport, Score } from './scores/score.ts';
export { DEFAULT_DETECTION, type DetectionSettings, type StreamChoice } from './settings.ts';
export {
  differences,
  differencesOf,
  hasRows,
  type ReportStreams,
  similarityBoundsOf,
  similarityOf,
  trajectoryOf,
} from './trajectory.ts';
export { leastScore, standInWords, type UsableScore, usableScore } from './usable-score.ts';
export {
  leastFfns,
  leastTextGroups,
  rankWidth,
  WIDTH_CANDIDATES,
  type WidthCandidates,
  whyNoCandidates,
  widthCandidates,
} from './width-candidates.ts';
