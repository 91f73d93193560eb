/**
 * What the server can do, free of transport: the tRPC routers, the terminal and the tests call this. One Backend owns the
 * database connection of a process; with the embedded database there is exactly one such process.
 */
import type { BlockInterval } from '../core/interval/index.ts';
import type { StreamTokens } from '../core/model/config-index.ts';
import type { Plan } from '../core/plan/index.ts';
import type {
  ModelCosts,
  RunEstimate,
  RunEvent,
  RunSettings,
  RunState,
  RunView,
  StepPoint,
} from '../core/run/index.ts';
import type { StoredContent } from './artifacts/index.ts';

export interface RunRequest {
  readonly name?: string;
  /** Id of one of `models()`. */
  readonly modelId: string;
  /** What is to be trained: a student for every run of blocks, whatever the plan puts in its place, and all that makes blocks narrower. */
  readonly plan: Plan;
  readonly settings: RunSettings;
}

export interface RunSummary {
  readonly id: string;
  readonly name: string;
  readonly createdAt: string;
  readonly state: RunState;
  readonly modelName: string;
  readonly intervals: number;
  readonly done: number;
}

/** A model folder under one of the configured roots. */
export interface ServerModel {
  /** "<root's name>/<path below it>", with forward slashes. */
  readonly id: string;
  readonly name: string;
  readonly fingerprint: string;
  readonly numBlocks: number;
  readonly parameters: number;
  /** Of its weights' files. */
  readonly sizeBytes: number;
  readonly costs: ModelCosts;
  /** What the costs are of. */
  readonly tokensPerForward: StreamTokens;
  /** Calibration files beside it, by id in the same form. */
  readonly calibrations: readonly string[];
  /** The grammar's companions are there: data of the kind `shapes`, pictures and the checker work. */
  readonly drawable: boolean;
}

/** Where the server looks for models, and what it found there. */
export interface ModelPlaces {
  readonly roots: readonly {
    readonly name: string;
    readonly folder: string;
    /** Null where there is no such folder. */
    readonly models: number | null;
  }[];
  /** How many folders below a root are looked into. */
  readonly depth: number;
  /** What looks like a model and is none, one sentence each with the reason. */
  readonly leftOut: readonly string[];
}

/** A process that takes jobs from the queue. */
export interface WorkerView {
  readonly id: string;
  readonly host: string;
  readonly engine: string;
  readonly device: string;
  readonly why: string;
  readonly candidates: readonly { readonly name: string; readonly available: boolean; readonly reason: string }[];
  /** Compute processes that it runs at once. */
  readonly slots: number;
  readonly jobs: readonly { readonly runId: string; readonly key: string }[];
  /** ISO 8601; a worker that was not seen for 30 s counts as dead. */
  readonly seenAt: string;
  readonly alive: boolean;
}

export interface ServerStatus {
  /** "PGlite in …" or "PostgreSQL at host:port/name", without secrets. */
  readonly database: string;
  readonly artifacts: string;
  readonly workers: readonly WorkerView[];
  readonly queued: number;
  readonly freeDiskBytes: number;
}

export interface NumberedEvent {
  readonly id: number;
  readonly event: RunEvent;
}

/** What a finished job trained, checked as it is read: see `StoredContent`. */
export interface TrainedWeights extends StoredContent {
  /** Lower-case hexadecimal, of the whole content. */
  readonly sha256: string;
}

/** Every method rejects with a ContiguaError: `run-missing`, `run-conflict` (not possible in its state), `settings-invalid`, … */
export interface Backend {
  models(): Promise<readonly ServerModel[]>;
  modelPlaces(): Promise<ModelPlaces>;
  status(): Promise<ServerStatus>;
  estimate(request: RunRequest): Promise<RunEstimate>;
  createRun(request: RunRequest): Promise<string>;
  listRuns(): Promise<readonly RunSummary[]>;
  viewRun(id: string): Promise<RunView>;
  /** Running intervals finish their step and store a checkpoint first; queued ones wait. Resolves when they have, or after 10 s. */
  pauseRun(id: string): Promise<void>;
  resumeRun(id: string): Promise<void>;
  cancelRun(id: string): Promise<void>;
  deleteRun(id: string): Promise<void>;
  /** Begins a failed, cancelled or finished job again, from its last checkpoint, or from the start where `afresh`. */
  retryJob(id: string, key: string, afresh: boolean): Promise<void>;
  /** Into a run in any state; the others' students stay. Refused where it overlaps one of the run's intervals. */
  addInterval(id: string, interval: BlockInterval): Promise<void>;
  /** Measures a choice of students, once: the result is stored and comes as an event, to later callers at once. */
  trySubset(id: string, plugged: readonly string[], fineTuned: boolean): Promise<void>;
  /** Every step of one job so far, in order. */
  curve(id: string, key: string): Promise<readonly StepPoint[]>;
  /**
   * The safetensors of a finished job (a student, or the joint fine-tune); `run-conflict` where it is not done. Reading a
   * damaged one rejects with `artifact-corrupt`, and the job says so from then on.
   */
  openTrained(id: string, key: string): Promise<TrainedWeights>;
  /** `file:` URL of the folder of the run's model; `plan-mismatch` where another model is there by now. */
  teacherFolder(id: string): Promise<string>;
  /** Stored events with numbers above `after`, then those to come, until `signal` fires. */
  follow(id: string, after: number, signal: AbortSignal): AsyncGenerator<NumberedEvent>;
  close(): Promise<void>;
}
