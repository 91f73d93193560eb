/** `metrics.json` of an exported model: the run's settings, each interval's held-out errors against its baselines, and what the choice measured. */
import type { WidthEdit } from '../edit/index.ts';
import type { BlockInterval, IntervalSet } from '../interval/index.ts';
import { containsInterval, formatIntervalKey, sameInterval } from '../interval/index.ts';
import { PRODUCT_VERSION, type RunPlan } from '../plan/index.ts';
import {
  type Baselines,
  type JobView,
  jobKeyOf,
  type RunSettings,
  type RunView,
  type StandInError,
  type SubsetView,
} from '../run/index.ts';

export const METRICS_VERSION = 1;

export type ExportedRun = Pick<RunView, 'id' | 'name' | 'createdAt' | 'settings' | 'jobs' | 'subsets'>;

export interface IntervalMetrics extends BlockInterval {
  /** False where the teacher's blocks are in this model. */
  readonly plugged: boolean;
  /** Optimizer steps that its student had; null where none is known. */
  readonly steps: number | null;
  /** Teacher block that it started from. */
  readonly startBlock: number | null;
  /** Errors on held-out samples, of the student at the end and of what it has to beat. */
  readonly student: StandInError | null;
  readonly baselines: Baselines | null;
}

export interface ExportMetrics {
  readonly version: typeof METRICS_VERSION;
  readonly createdWith: string;
  readonly run: { readonly id: string; readonly name: string; readonly createdAt: string } | null;
  readonly settings: RunSettings | null;
  /** Whether the weights are those of the joint fine-tune. */
  readonly fineTuned: boolean;
  readonly intervals: readonly IntervalMetrics[];
  /** This very choice of students and narrower blocks, measured on the sample's captions and held-out inputs; null where it was not. */
  readonly measured: Omit<SubsetView, 'pictures'> | null;
}

/** What of a run's results is in the model. */
export interface ChosenParts {
  readonly plugged: IntervalSet;
  readonly narrow: readonly WidthEdit[];
  readonly fineTuned: boolean;
}

export function exportMetrics(run: ExportedRun | null, plan: RunPlan, chosen: ChosenParts): ExportMetrics {
  const { plugged, fineTuned } = chosen;
  return {
    version: METRICS_VERSION,
    createdWith: `contigua ${PRODUCT_VERSION}`,
    run: run && { id: run.id, name: run.name, createdAt: run.createdAt },
    settings: run?.settings ?? null,
    fineTuned,
    intervals: plan.edits.map(({ first, last }) => {
      const job = jobOf(run, { first, last });
      return {
        first,
        last,
        plugged: containsInterval(plugged, { first, last }),
        steps: job?.step ?? null,
        startBlock: job?.startBlock ?? null,
        student: job?.heldOut.at(-1)?.student ?? null,
        baselines: job?.baselines ?? null,
      };
    }),
    measured: measurementOf(run, chosen),
  };
}

function jobOf(run: ExportedRun | null, interval: BlockInterval): JobView | undefined {
  return run?.jobs.find(({ edit }) => edit !== null && sameInterval(edit, interval));
}

function measurementOf(
  run: ExportedRun | null,
  { plugged, narrow, fineTuned }: ChosenParts,
): ExportMetrics['measured'] {
  // Shared modulations are one job, whatever the number of their edits.
  const keys = [...new Set([...plugged.map(formatIntervalKey), ...narrow.map(jobKeyOf)])].sort().join();
  const subset = run?.subsets.find((one) => one.fineTuned === fineTuned && [...one.plugged].sort().join() === keys);
  if (!subset) return null;
  const { pictures: _, ...measured } = subset;
  return measured;
}
