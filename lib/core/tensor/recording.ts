/**
 * Functions of tensors that an engine runs as one call. A training step of a small block makes five hundred short operations, and
 * calling them costs as much as computing them. An engine that can record operations offers itself (`offerRecorder`); on
 * every other engine, `recorder` is null and its caller computes by operations.
 */
import * as tf from '@tensorflow/tfjs-core';

export interface Recorder {
  /**
   * Calls `compute`, a pure function of the float32 tensors `inputs`, and records its operations. Whatever else it reads must be
   * made in it: the values of such tensors are kept as constants. Throws where it reads another tensor, or values.
   */
  record(inputs: readonly tf.Tensor[], compute: () => readonly tf.Tensor[]): Recording;
}

export interface Recording {
  /** Of inputs with the shapes of those recorded; tensors of the caller's own. The bits may differ from those of single operations. */
  run(inputs: readonly tf.Tensor[]): tf.Tensor[];
  dispose(): void;
}

const offered = new Map<string, Recorder>();

/** What records while `engine` is TensorFlow.js' backend. */
export function offerRecorder(engine: string, recorder: Recorder): void {
  offered.set(engine, recorder);
}

export function recorder(): Recorder | null {
  return offered.get(tf.getBackend()) ?? null;
}

/** Recordings that are kept, each for other shapes. */
const MAX_KEPT = 8;

/** By the names of what they are to the function. */
export type NamedTensors = ReadonlyMap<string, tf.Tensor>;

/** A function that is recorded once for every kind of inputs that it is called with. Owns the recordings. */
export class RecordedFunction {
  /** By kind of inputs, the one used last at the end. */
  readonly #recordings = new Map<string, Recording>();
  readonly #recorder: Recorder;

  constructor(recorder: Recorder) {
    this.#recorder = recorder;
  }

  /** `compute` must do the same with inputs of the same kind on every call. Tensors of the caller's own. */
  run(inputs: NamedTensors, compute: () => readonly tf.Tensor[]): tf.Tensor[] {
    const kind = kindOf(inputs);
    const tensors = [...inputs.values()];
    // The first call runs the recording too: a run that was cut off and is resumed must not differ in any bit.
    const recording = this.#recordings.get(kind) ?? this.#recorder.record(tensors, compute);
    this.#recordings.delete(kind);
    this.#recordings.set(kind, recording);
    const [oldest] = this.#recordings;
    if (oldest && this.#recordings.size > MAX_KEPT) {
      this.#recordings.delete(oldest[0]);
      oldest[1].dispose();
    }
    return recording.run(tensors);
  }

  dispose(): void {
    for (const recording of this.#recordings.values()) recording.dispose();
    this.#recordings.clear();
  }
}

/** Names and shapes, and which inputs share their values: operations know tensors by their values. */
function kindOf(inputs: NamedTensors): string {
  const first = new Map<object, string>();
  return [...inputs]
    .map(([name, { dataId, shape }]) => {
      const same = first.get(dataId) ?? name;
      first.set(dataId, same);
      return `${name} = ${same} [${shape.join()}]`;
    })
    .join('; ');
}
