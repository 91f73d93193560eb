/** What a damage score is: a prediction from a report of how much a model loses with an interval. Smaller is safer. */
import type { RunReplacement } from '../../edit/edit.ts';
import type { BlockInterval } from '../../interval/interval.ts';
import type { AnalysisReport } from '../../report/report.ts';
import type { DetectionSettings } from '../settings.ts';

export type RankableReport = Pick<AnalysisReport, 'streams' | 'damage' | 'directionErrors' | 'proxies' | 'bands'>;

export interface Score {
  /** In links and settings: never changed. */
  readonly name: string;
  /** For people: "output error, removed". */
  readonly label: string;
  /** In the head of a narrow column, where the label would take too many lines. */
  readonly heading?: string;
  /** One sentence on what it says, without a full stop. */
  readonly about: string;
  /** Of tables that are taken away: never changed. */
  readonly column: string;
  /** The replacement whose output error has to have been measured on the interval; null for what every report says. */
  readonly needs: RunReplacement | null;
  /**
   * `measured`: the model ran with the interval taken out; `predicted`: from probes and similarities that an analysis fits and
   * takes; `proxy`: from two states alone, as cheap as it gets.
   */
  readonly kind: 'measured' | 'predicted' | 'proxy';
  /** A share of the output, which is written in percent. */
  readonly isShare: boolean;
  /** Errors of early, noisy timesteps count more, so that errors over all timesteps are of another unit. */
  readonly weightsEarly?: true;
  /**
   * How the damage of a plan follows from that of its intervals: the sum, or the root of the sum of squares, as errors of
   * independent edits add up. Over plans of equal depth the squares of output errors order what was measured far better
   * (docs/damage-scores.md).
   */
  readonly adds: 'plainly' | 'in squares';
  /** 1 − surrogate CKA, which tables of intervals show as it is. */
  readonly isSimilarity: boolean;
  /** Null where the report cannot say. Values need not be comparable with those of another score. */
  of(report: RankableReport, interval: BlockInterval, settings: DetectionSettings): number | null;
}
