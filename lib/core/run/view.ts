/**
 * A run as everyone but the trainer sees it: states, curves and measured subsets, in JSON. The server keeps it in its
 * database, the page and the terminal show it.
 */
import type { RunEdit, WidthEdit } from '../edit/edit.ts';
import type { PlannedWidthEdit, RunPlan } from '../plan/plan.ts';
import type { Interval } from '../quantile.ts';
import type { Quartiles } from './forward-times.ts';
import type { Baselines, HeldOutPoint, KeptWeights, StepPoint } from './progress.ts';
import type { RunSettings } from './settings.ts';
import type { TeacherEstimate } from './teacher-estimate.ts';

/**
 * `queued` waits for a worker, `running` has one, `paused` waits for the user, `done` has its student, `failed` says why
 * and can be retried, `cancelled` was given up by the user and can be retried.
 */
export type JobState = 'queued' | 'running' | 'paused' | 'done' | 'failed' | 'cancelled';
/** A run is what its jobs are: running while any is, then queued, paused, failed, cancelled, else done. */
export type RunState = JobState;

/** Who computes a job, and on what. */
export interface JobWorker {
  readonly id: string;
  readonly engine: string;
  readonly device: string;
  /** Why this engine, in one sentence. */
  readonly why: string;
}

/** What one edit puts in place in the making, or the joint fine-tune of all students. */
export interface JobView {
  /** "3-4", "t8-10", "f8-image", MODULATIONS_KEY or FINE_TUNE_KEY. */
  readonly key: string;
  /** `maps`: the linear maps of a text group or of feed-forward layers; `modulations`: all shared modulations of the run. */
  readonly kind: 'student' | 'maps' | 'modulations' | 'fine-tune';
  /** Of a student; null for all other jobs. */
  readonly edit: RunEdit | null;
  /** Of jobs that make blocks narrower; left out for students and the fine-tune. */
  readonly narrow?: readonly WidthEdit[];
  /** Of those, once done: which weights are kept. */
  readonly kept?: KeptWeights;
  /** Of those, once done: the held-out error of their start in closed form; null where nothing was held out. */
  readonly fitError?: number | null;
  readonly state: JobState;
  /** Asked to pause while it runs: it finishes its step and stores a checkpoint first. */
  readonly pausing?: true;
  /** How often it was begun; a take-over after a crash counts. */
  readonly attempt: number;
  readonly step: number;
  readonly steps: number;
  /** Step of the newest stored checkpoint, to which a crash takes it back; 0 before the first. */
  readonly checkpointStep: number;
  readonly worker: JobWorker | null;
  /** Optimizer steps per second, recently; null before it is known and when it does not run. */
  readonly stepsPerSecond: number | null;
  readonly baselines: Baselines | null;
  /** Teacher block that the student started from. */
  readonly startBlock: number | null;
  /** In order of step. */
  readonly heldOut: readonly HeldOutPoint[];
  /** Message of the error that ended it. */
  readonly error: string | null;
  /** What happened to it on the way that its user should know: taken over, a corrupt checkpoint passed over, another engine. */
  readonly note: string | null;
  /** Size of the student's file, once done. */
  readonly studentBytes: number | null;
}

/** What one choice of plugged students gives. */
export interface SubsetView {
  /** Keys of the jobs whose students, maps and modulations are in place, in order; everywhere else the teacher's blocks run. */
  readonly plugged: readonly string[];
  /** True for the jointly fine-tuned whole student. */
  readonly fineTuned: boolean;
  readonly parameters: number;
  readonly blocks: number;
  /** Checker's facts over the drawn captions; null for models that cannot draw. */
  readonly facts: { readonly held: number; readonly total: number; readonly pictures: number } | null;
  /** ‖v̂ − v‖/‖v‖ of one forward against the teacher's, over held-out samples. */
  readonly outputError: number;
  /** 95 % bootstrap over prompts; runs of earlier versions did not take it. */
  readonly outputErrorBounds?: Interval | null;
  /** Median milliseconds of a forward, whole model and this one, taken in turn in one run. */
  readonly wholeMs: number;
  readonly subsetMs: number;
  /** Their quartiles; runs of earlier versions did not keep them. */
  readonly wholeQuartilesMs?: Quartiles;
  readonly subsetQuartilesMs?: Quartiles;
  /** The first pictures, as PNG data URLs, with their captions and whether every fact held. */
  readonly pictures: readonly {
    readonly caption: string;
    readonly png: string;
    readonly held: number;
    readonly facts: number;
  }[];
}

/** What the cost of any choice of students follows from. FLOPs are `countFlops`'s, of one forward of one sample. */
export interface ModelCosts {
  /** What the model loses with each block. */
  readonly blockParameters: readonly number[];
  readonly flopsPerForward: number;
  /** What a forward loses with each block. */
  readonly flopsPerBlock: readonly number[];
  /** What a run from each block to the last one saves beside its blocks' sum; left out where nothing, and by earlier versions. */
  readonly parametersAtEnd?: readonly number[] | undefined;
  readonly flopsAtEnd?: readonly number[] | undefined;
}

export interface DescribedModel {
  /** The teacher's config.json. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Of the forward that FLOPs are of, by stream. */
  readonly tokensPerForward: Readonly<Record<string, number>>;
}

export interface RunView {
  readonly id: string;
  readonly name: string;
  /** ISO 8601 */
  readonly createdAt: string;
  readonly state: RunState;
  readonly model: {
    readonly name: string;
    readonly fingerprint: string;
    readonly numBlocks: number;
    readonly parameters: number;
    readonly costs: ModelCosts;
    /** It has the sample's grammar: pictures and the checker's facts are to be had. */
    readonly drawable: boolean;
    /** What the cost of narrower blocks follows from; left out by runs without any, and by earlier versions. */
    readonly described?: DescribedModel | undefined;
  };
  /** The runs of blocks. */
  readonly plan: RunPlan;
  /** Edits that make blocks narrower, in order of depth; left out where there are none. */
  readonly narrow?: readonly PlannedWidthEdit[];
  readonly settings: RunSettings;
  readonly jobs: readonly JobView[];
  readonly subsets: readonly SubsetView[];
  /** Id of the last event that this view includes; following from it misses nothing. */
  readonly lastEventId: number;
}

/** Stored, numbered from 1 within a run, and replayed from any number on. */
export type RunEvent =
  | { readonly type: 'job'; readonly job: JobView }
  | { readonly type: 'run'; readonly state: RunState }
  /** Steps repeated after a crash come again with the same numbers; the later one counts. */
  | { readonly type: 'steps'; readonly key: string; readonly points: readonly StepPoint[] }
  | { readonly type: 'subset'; readonly subset: SubsetView }
  | {
      readonly type: 'measuring';
      readonly plugged: readonly string[];
      /** Set for the jointly fine-tuned whole student. */
      readonly fineTuned?: true;
      readonly done: number;
      readonly total: number;
      /** Why the measurement ended without a result. */
      readonly error?: string;
    };

/** Estimate before a run is started. */
export interface RunEstimate {
  readonly seconds: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly teacher: TeacherEstimate;
  /** What the time rests on, in one sentence: "measured: 31 ms per step on tensorflow (libtensorflow 2.21, CPU)". */
  readonly basis: string;
}
