/**
 * The one protocol between a host (page, CLI, job process) and a compute worker. A call carries an id; the worker
 * answers with any number of `progress` and exactly one `result` or `error`. `cancel` makes the call end with the
 * error code `cancelled` at once; `stop` does so in order: training finishes its step, saves a checkpoint and tells it
 * first. Tensors never cross: values are JSON and typed arrays (transferred, see `transferablesOf`).
 */
import type { DamageBudget } from '../core/analysis/analyse.ts';
import type { Damage } from '../core/analysis/edit-damage.ts';
import type { AnalysisEstimate, AnalysisLimits } from '../core/analysis/estimate.ts';
import type { CaptureEstimate } from '../core/analysis/estimate-capture.ts';
import type { TraceEstimate } from '../core/analysis/estimate-trace.ts';
import type { AnalysisPartial, MeasuredRun } from '../core/analysis/progress.ts';
import type { CalibrationRequest } from '../core/capture/calibration-request.ts';
import type { NamedBlob } from '../core/checkpoint/types.ts';
import type { Ablation, NamedPart } from '../core/detection/ablation.ts';
import type { TrainingInputs } from '../core/distil/batches-for.ts';
import type { FfnEdit, ModulationEdit, RunEdit, TextStreamEdit } from '../core/edit/edit.ts';
import type { Drawing } from '../core/edited-model/draw-prompt.ts';
import type { HeldOutPictures } from '../core/edited-model/held-out-pictures.ts';
import type { ForwardTiming } from '../core/edited-model/measure-forward.ts';
import type { EditWithFile } from '../core/edited-model/open-edits.ts';
import type { StudentEdit } from '../core/edited-model/students.ts';
import type { ErrorCode, ErrorDetails } from '../core/errors.ts';
import type { ModelSummary } from '../core/folder/model-summary.ts';
import type { KeptCheck } from '../core/model/self-check.ts';
import type { FoundModulations, ModulationRequest } from '../core/modulation/request.ts';
import type { Interval } from '../core/quantile.ts';
import type { AnalysisReport, EditDamage, PartDamage, SplitRule, WidthDamage } from '../core/report/report.ts';
import type { DistilProgress, DistilResult, NarrowResult, SavedFile, StepPoint } from '../core/run/progress.ts';
import type { DistilSettings, FineTuneSettings } from '../core/run/settings.ts';
import type { EngineReport, WantedEngine } from '../core/tensor/engine.ts';
import type { FittedWidthEdit } from '../core/width/map-fitter.ts';

/** A file the worker opens itself by URL (`file:` in Node, `http(s):` with byte ranges): file-backed Node Blobs cannot be cloned. */
export interface LinkedFile {
  readonly path: string;
  readonly url: string;
}
export type FileSource = NamedBlob | LinkedFile;

/** Where a model's files are: a folder URL (served with byte ranges, or `file:`), or blobs the user picked (read in place). */
export type ModelSource =
  | { readonly kind: 'url'; readonly url: string; readonly name: string }
  | { readonly kind: 'files'; readonly files: readonly NamedBlob[]; readonly name: string };

export type CalibrationSource = CalibrationRequest<FileSource>;
export type TrainingSource = TrainingInputs<FileSource>;
export type StudentSource = StudentEdit<FileSource>;
/** An edit as it crosses to a worker. */
export type EditSource = EditWithFile<FileSource>;

/** A student, or the trained maps of a text group or of feed-forward layers. */
export type NarrowSource = StudentSource | ((TextStreamEdit | FfnEdit) & { readonly file: FileSource });

/** An edit that needs no file of its own. Modulations are shared by rank: a table takes no timesteps but its own. */
export type MeasurableEdit = RunEdit | TextStreamEdit | FfnEdit | ModulationEdit;

/** Which analysis probes are of. A worker that does not hold them (a fresh one, another engine) fits them again. */
export interface ProbeSource {
  readonly calibration: CalibrationSource;
  readonly ridge: number;
  /** How its samples were held out. */
  readonly split: SplitRule;
  /** Tokens of each stream that were read at most; all where it is absent. */
  readonly tokens?: number | undefined;
  /** Held-out samples that edits are measured on, at most; as many as an analysis takes by default. */
  readonly damageSamples?: number | undefined;
}

/** How an analysis is made. */
export interface AnalysisRequest {
  readonly calibration: CalibrationSource;
  /** Tokens of each stream, at most. By default all, and some of a wide model. */
  readonly tokens?: number | 'all' | undefined;
  /** Where states and finished pieces are kept, so that an interrupted analysis goes on: a folder that the host knows. In memory by default. */
  readonly states?: { readonly url: string; readonly sizeBytes: number } | undefined;
  readonly damage?: DamageBudget | undefined;
}

/** Of a model, or of a trace. */
export type AnyEstimate = AnalysisEstimate | TraceEstimate;

/** By default all rows of a trace: they are a sample already. */
export type TraceRequest = Pick<AnalysisRequest, 'states' | 'tokens'>;

/** States are kept in `states` until the files are written, so that an interrupted capture goes on. In memory by default. */
export interface CaptureRequest extends Pick<AnalysisRequest, 'calibration' | 'states'> {
  readonly rows: number;
  readonly dtype: 'F32' | 'BF16' | 'F16';
  readonly intervals?: string | undefined;
}

/** States that may wait on the engine at once, as an analysis is given them; no limit where they are absent. */
export type EngineLimits = Pick<AnalysisLimits, 'engineBytes'>;

/**
 * Where maps that are fitted wait, and the states that they are fitted on: a folder, kept for the tasks after it, and emptied by whoever
 * named it. In memory without one.
 */
export interface FittingPlace {
  readonly states?: AnalysisRequest['states'];
  readonly limits?: EngineLimits | undefined;
}

export interface SubsetMeasurement {
  /** Null for models that cannot draw. */
  readonly facts: HeldOutPictures['facts'] | null;
  /** ‖v̂ − v‖_F / ‖v‖_F of one forward against the teacher's, over held-out samples. */
  readonly outputError: number;
  readonly outputErrorBounds: Interval | null;
  readonly timing: ForwardTiming;
  /** The first pictures drawn. */
  readonly drawings: HeldOutPictures['drawings'];
}

export interface CapturedFiles {
  readonly trace: SavedFile;
  /** Null where no intervals were asked for. */
  readonly boundaries: SavedFile | null;
  readonly calibration: SavedFile;
}

/** Every task a worker can do: its input, its result and what its progress carries besides the numbers. */
export interface Tasks {
  startEngine: { input: { wanted: WantedEngine; threads?: number }; result: EngineReport; partial: never };
  /** Runs every family's golden cases on the engine in use; the largest difference is shown. */
  verifyEngine: { input: { again?: boolean }; result: KeptCheck; partial: never };
  /** A trace may be named in place of a model. */
  openModel: { input: { source: ModelSource }; result: ModelSummary; partial: never };
  /** `limits` are those of an estimate. */
  analyse: {
    input: AnalysisRequest & { readonly limits?: AnalysisLimits | undefined };
    result: AnalysisReport;
    partial: AnalysisPartial;
  };
  /** What `analyse` would take here, and `ablations` after it, from a short measurement. Fails with `too-large` where the memory is too little. */
  estimateAnalysis: {
    input: AnalysisRequest & { readonly memoryBytes: number; readonly ablations?: readonly Ablation[] | undefined };
    result: AnalysisEstimate;
    partial: never;
  };
  /** What memory leaves to states while maps are fitted, from one block. Fails with `too-large` where the memory is too little. */
  fittingLimits: {
    input: Pick<AnalysisRequest, 'calibration' | 'tokens'> & { readonly memoryBytes: number };
    result: EngineLimits;
    partial: never;
  };
  /**
   * Writes states of the open model and the inputs that they are of under the folder URL `saveTo`: at most `rows` of each
   * stream, and every token of every sample around the intervals (keys such as `3-4`). `limits` are those of an estimate.
   */
  capture: {
    input: CaptureRequest & { readonly saveTo: string; readonly limits?: EngineLimits | undefined };
    result: CapturedFiles;
    partial: never;
  };
  /** What that would take here, from one block. Fails with `too-large` where the memory is too little. */
  estimateCapture: {
    input: CaptureRequest & { readonly memoryBytes: number };
    result: CaptureEstimate;
    partial: never;
  };
  /** Everything that needs no weights, of the trace that is open. */
  analyseTrace: {
    input: TraceRequest & { readonly limits?: TraceEstimate['limits'] | undefined };
    result: AnalysisReport;
    partial: AnalysisPartial;
  };
  /** What that would take here, from a short measurement. Fails with `too-large` where the memory is too little. */
  estimateTrace: {
    input: TraceRequest & { readonly memoryBytes: number };
    result: TraceEstimate;
    partial: never;
  };
  /** Bytes of `bytes` that states of an analysis may take where this host keeps them. */
  roomForStates: { input: { readonly bytes: number }; result: number; partial: never };
  /** Each run alone. Those that were measured before on the states of the open analysis are read, where its states are in files. */
  damage: {
    input: { edits: readonly RunEdit[]; probes: ProbeSource; limits?: EngineLimits | undefined };
    result: readonly EditDamage[];
    partial: EditDamage;
  };
  /** Parts of blocks, each taken out alone; likewise. */
  parts: {
    input: { parts: readonly NamedPart[]; probes: ProbeSource; limits?: EngineLimits | undefined };
    result: readonly PartDamage[];
    partial: PartDamage;
  };
  /** What modulations that blocks share consist of and cost; the output is measured where `calibration` is named. */
  modulations: {
    input: { requests: readonly ModulationRequest[]; calibration: CalibrationSource | null };
    result: FoundModulations;
    partial: never;
  };
  /**
   * Text groups and feed-forward layers as linear maps, each fitted and measured alone. With `states`, maps wait in that folder, and so do
   * states where they are more than `limits` allow on the engine. Nothing is left there once all are measured; a measurement that was
   * interrupted goes on from what is.
   */
  width: {
    input: {
      edits: readonly (TextStreamEdit | FfnEdit)[];
      probes: ProbeSource;
      states?: AnalysisRequest['states'];
      limits?: EngineLimits | undefined;
    };
    result: readonly WidthDamage[];
    partial: WidthDamage;
  };
  /** All edits together, which are no students. */
  choice: {
    input: { edits: readonly MeasurableEdit[]; probes: ProbeSource } & FittingPlace;
    result: Damage;
    partial: never;
  };
  /**
   * Fits the linear maps of text groups and feed-forward layers on the states of the model with all of the edits in place, and
   * writes them under the folder URL `saveTo`, as an export takes them.
   */
  fitWidth: {
    input: { edits: readonly EditSource[]; probes: ProbeSource; saveTo: string } & FittingPlace;
    result: { readonly maps: SavedFile; readonly fitted: readonly FittedWidthEdit[] };
    partial: never;
  };
  /** Facts of held-out captions in the pictures that the edited model draws: `pictures` of them, after the first `skip`. */
  facts: {
    input: {
      edits: readonly (EditSource | ModulationEdit)[];
      probes: ProbeSource | null;
      pictures: number;
      skip: number;
      steps: number;
      guidance: number;
      seed: number;
    };
    result: HeldOutPictures['facts'];
    partial: never;
  };
  measure: {
    input: { edits: readonly (EditSource | ModulationEdit)[]; probes: ProbeSource | null };
    result: ForwardTiming;
    partial: never;
  };
  /** One whole forward pass on a file of diffusers' forward arguments; `sample` is [B, Ni, p²·out] or [B, C, H, W], C order. */
  forward: {
    input: { inputs: FileSource };
    result: { readonly sample: Float32Array<ArrayBuffer>; readonly shape: readonly number[] };
    partial: never;
  };
  draw: {
    input: {
      prompt: string;
      seed: number;
      steps: number;
      guidance: number;
      edits: readonly (EditSource | ModulationEdit)[];
      probes: ProbeSource | null;
    };
    result: Drawing;
    partial: never;
  };
  /**
   * Trains the student of one edit on teacher states (non-sequential; with edits `before` it, sequential: the student sees
   * what they make of the input). Writes checkpoints and the student under the folder URL `saveTo`, whole or not
   * at all. `resume` is a checkpoint of the same task: the run goes on bit for bit.
   */
  distil: {
    input: {
      edit: RunEdit;
      settings: DistilSettings;
      data: TrainingSource;
      /** States of the data's samples around the interval, in place of the teacher's. */
      boundaries?: FileSource | undefined;
      /**
       * Folder URL and budget of cached teacher states, shared by processes of one machine; null for none. `keep` are the
       * blocks whose states after them some interval of the run asks for (each interval's `first − 1` and `last`);
       * `sharedAt` is where the job runner passes on what other machines have computed.
       */
      cache: { url: string; sizeBytes: number; keep: readonly number[]; sharedAt?: string | undefined } | null;
      /** Memory for teacher states that are computed together. */
      sweepBytes?: number | undefined;
      before: readonly StudentSource[];
      resume: FileSource | null;
      saveTo: string;
    };
    result: DistilResult;
    partial: DistilProgress;
  };
  /**
   * Trains the linear maps of one text group or of one feed-forward edit from their least-squares start, on the states that the edits
   * which it `restsOn` leave; those have their files. Checkpoints, `resume` and `saveTo` as for `distil`.
   */
  trainMaps: {
    input: {
      edit: TextStreamEdit | FfnEdit;
      restsOn: readonly NarrowSource[];
      settings: DistilSettings;
      data: TrainingSource;
      cache: { url: string; sizeBytes: number; keep: readonly number[]; sharedAt?: string | undefined } | null;
      sweepBytes?: number | undefined;
      resume: FileSource | null;
      saveTo: string;
    };
    result: NarrowResult;
    partial: DistilProgress;
  };
  /**
   * Refines the shared modulations of `edits` from their closed form, against the teacher's output with all that they rest on in place.
   * Tables are written as they are.
   */
  trainModulations: {
    input: {
      edits: readonly ModulationEdit[];
      restsOn: readonly NarrowSource[];
      settings: DistilSettings;
      data: TrainingSource;
      resume: FileSource | null;
      saveTo: string;
    };
    result: NarrowResult;
    partial: DistilProgress;
  };
  /**
   * The joint fine-tune of the whole student, with its linear maps and shared modulations, against the teacher's output. The result is
   * the weights that were trained.
   */
  fineTune: {
    input: {
      edits: readonly NarrowSource[];
      /** All of the file's; tables are written as they are. */
      modulations?: { readonly edits: readonly ModulationEdit[]; readonly file: FileSource } | undefined;
      settings: FineTuneSettings;
      data: TrainingSource;
      resume: FileSource | null;
      saveTo: string;
    };
    result: { readonly student: SavedFile; readonly steps: number };
    partial: DistilProgress;
  };
  /** What the model gives with these edits; `fineTuned` replaces weights of the whole that students make, and all maps. */
  tryEdits: {
    input: {
      edits: readonly EditSource[];
      probes: ProbeSource | null;
      fineTuned: FileSource | null;
      /** Shared modulations: of edits by rank; tables take no other timesteps than their own and are left out. */
      modulations?: { readonly edits: readonly ModulationEdit[]; readonly file: FileSource } | undefined;
      pictures: number;
      steps: number;
      guidance: number;
      seed: number;
      data: TrainingSource;
    };
    result: SubsetMeasurement;
    partial: never;
  };
}
export type TaskName = keyof Tasks;

export type {
  AnalysisEstimate,
  AnalysisLimits,
  AnalysisPartial,
  DistilProgress,
  DistilResult,
  Drawing,
  ForwardTiming,
  MeasuredRun,
  SavedFile,
  StepPoint,
};

export interface Progress<P = unknown> {
  /** `read`, `capture`, `probes`, `cka`, `trajectories`, `damage`, `draw`, `measure`, `teacher`, `distil`, `fine-tune`. */
  readonly stage: string;
  readonly done: number;
  readonly total: number;
  readonly partial?: P;
}

export type Request =
  | {
      readonly [K in TaskName]: {
        readonly type: 'call';
        readonly id: number;
        readonly task: K;
        readonly input: Tasks[K]['input'];
      };
    }[TaskName]
  | { readonly type: 'cancel'; readonly id: number }
  /** Answered with `pong` as soon as the worker's event loop turns. */
  | { readonly type: 'ping'; readonly id: number }
  | { readonly type: 'stop'; readonly id: number };

export type Reply =
  | { readonly type: 'progress'; readonly id: number; readonly progress: Progress }
  | { readonly type: 'result'; readonly id: number; readonly value: unknown }
  | { readonly type: 'error'; readonly id: number; readonly error: WireError }
  | { readonly type: 'pong'; readonly id: number }
  /** From compute processes, about once a second while a call runs: the event loop turns, and the work has paused so often. */
  | { readonly type: 'alive'; readonly id: number; readonly turns: number }
  /** Unasked: the device went away (GPU device loss). Every later call fails with `engine-lost` until `startEngine`. */
  | { readonly type: 'engine-lost'; readonly reason: string };

/** `id` is -1 when the offending message carried none. */
export interface WireError {
  readonly code: ErrorCode;
  readonly summary: string;
  readonly details: ErrorDetails;
  /** Where a defect was thrown; only with the code `internal`. */
  readonly stack?: string;
}
