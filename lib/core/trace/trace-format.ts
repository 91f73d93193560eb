/**
 * What a trace file is (docs/trace.md): one safetensors file with rows of every stream's state before the first block and
 * after each one, where each row comes from, and the model as metadata. `contigua capture` and
 * tools/capture/contigua_capture.py write it.
 */
import * as z from 'zod/mini';
import type { DeclaredBlock, DeclaredStack, StreamId, StreamSpec } from '../model/config-index.ts';
import type { DType } from '../tensor/dtype.ts';

// As in report/schema.ts.
z.config({ jitless: true });

export const TRACE_VERSION = 1;
/** The metadata key that makes a file a trace; its value is the version. */
export const TRACE_KEY = 'contigua_trace';
/** The metadata key of a file of states around intervals; version 1 did not say which model and inputs they are of. */
export const BOUNDARIES_KEY = 'contigua_boundaries';
export const BOUNDARIES_VERSION = 2;
/** Usual names of the files that are written together. */
export const TRACE_FILES = {
  trace: 'trace.safetensors',
  calibration: 'calibration.safetensors',
  boundaries: 'boundaries.safetensors',
} as const;

/** Of states. What is computed with is float32. */
export const STATE_DTYPES = ['F32', 'BF16', 'F16'] as const satisfies readonly DType[];

/** The state of a stream that enters the first block (`index` −1), or that after a block [rows, width]. */
export function stateTensor(stream: StreamId, index: number): string {
  return index < 0 ? `${stream}.input` : `${stream}.after.${index}`;
}

/** Where the rows of a stream come from, [rows] each. `token` is the place in its sample, padded tokens counted; no analysis needs it. */
export const ROW_TENSORS = ['sample', 'prompt_group', 'timestep', 'token'] as const;
export type RowTensor = (typeof ROW_TENSORS)[number];
export function rowTensor(stream: StreamId, of: RowTensor): string {
  return `${stream}.${of}`;
}

/** The model that a trace is of. */
export interface TraceModel {
  readonly name: string;
  readonly className: string;
  /** As `contigua inspect` gives it; null where the weights were not at hand in a file. */
  readonly fingerprint: string | null;
  readonly width: number;
  readonly streams: readonly StreamSpec[];
  readonly stacks: readonly DeclaredStack[];
  readonly blocks: readonly DeclaredBlock[];
  /** config.json of the transformer. */
  readonly config: Readonly<Record<string, unknown>>;
}

/** The calibration file whose forward passes the states are of. */
export interface TraceCalibration {
  readonly name: string;
  /** lib/core/checkpoint/file-digits.ts */
  readonly digits: string;
}

/** How rows were chosen, for people. */
export interface TraceSampling {
  readonly seed: number;
  /** Asked for, of each stream. */
  readonly rows: number;
  /** Passes of classifier-free guidance: `conditional`, or `both`. */
  readonly passes: string;
}

const whole = z.int().check(z.minimum(0));
export const traceModelSchema = z.object({
  name: z.string(),
  className: z.string(),
  fingerprint: z.nullable(z.string()),
  width: z.int().check(z.minimum(1)),
  streams: z.array(z.object({ id: z.string(), label: z.string() })),
  stacks: z.array(z.object({ id: z.string(), label: z.string(), first: whole, last: whole })),
  blocks: z.array(z.object({ kind: z.string(), stack: z.string(), updates: z.array(z.string()) })),
  config: z.record(z.string(), z.unknown()),
}) satisfies z.ZodMiniType<TraceModel>;

export const traceCalibrationSchema = z.nullable(
  z.object({ name: z.string(), digits: z.string() }),
) satisfies z.ZodMiniType<TraceCalibration | null>;

/** [first, last] of each, inclusive. */
export const boundaryIntervalsSchema = z.array(z.tuple([whole, whole]));

export const traceSamplingSchema = z.object({
  seed: z.number(),
  rows: whole,
  passes: z.string(),
}) satisfies z.ZodMiniType<TraceSampling>;
