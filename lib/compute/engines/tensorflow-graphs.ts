/**
 * Operations of the engine `tensorflow`, recorded as they are called and run again as one TensorFlow graph. The library then
 * simplifies the graph, and neither TensorFlow.js nor the binding takes part between two operations. The binding loads graphs
 * from folders alone: each is written to a temporary one, which is removed once the graph is loaded.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { ContiguaError } from '../../core/errors.ts';
import type { Recorder, Recording } from '../../core/tensor/recording.ts';
import {
  type Attribute,
  constant,
  FLOAT32,
  GRAPH_FILE,
  GRAPH_TAG,
  identity,
  operation,
  placeholder,
  savedModel,
  TYPE,
} from './graph-def.ts';

interface Output {
  readonly id: number;
  readonly shape: number[];
  readonly dtype: number;
}

/** Of tfjs-node's binding, what is used here. Tensors are named by numbers that are never used twice. */
interface GraphBinding {
  createTensor(shape: number[], dtype: number, values: ArrayBufferView): number;
  tensorDataSync(id: number): unknown;
  executeOp(operation: string, attributes: Attribute[], inputs: number[], outputs: number): Output[];
  loadSavedModel(folder: string, tags: string): number;
  runSavedModel(session: number, inputs: number[], inputNames: string, outputNames: string): Output[];
  deleteSavedModel(session: number): void;
}

/** Of tfjs-node's backend, what is used here. */
interface NodeBackend {
  binding: GraphBinding;
  /** Values that the library gets when an operation first reads them are kept until then. */
  readonly tensorMap: { get(dataId: object): { readonly values: unknown } };
  /** Keeps such values. */
  move(dataId: object, ...rest: unknown[]): void;
  getInputTensorIds(tensors: readonly tf.Tensor[]): number[];
  createOutputTensor(output: Output): tf.Tensor;
}

/** TensorFlow.js leaves the type to the library, which infers it for single operations alone; here it is float32. */
const EXPAND_DIMS: readonly Attribute[] = [{ name: 'T', type: TYPE, value: FLOAT32 }];

/** Sessions that are kept for the next recording of the same graph, when nobody uses them. */
const MAX_IDLE = 8;

interface Session {
  readonly id: number;
  readonly key: string;
  users: number;
}

export class TensorflowGraphs implements Recorder {
  /** By the graph's checksum; the one let go last at the end. */
  readonly #sessions = new Map<string, Session>();

  record(inputs: readonly tf.Tensor[], compute: () => readonly tf.Tensor[]): Recording {
    const backend = nodeBackend();
    const { binding } = backend;
    const { file, inputNames, outputs } = recorded(backend, inputs, compute);
    const session = this.#session(binding, file);
    const [fed, fetched] = [inputNames.join(','), Array.from({ length: outputs }, (_, i) => `out${i}:0`).join(',')];
    let isDisposed = false;
    return {
      run(given) {
        const ids = backend.getInputTensorIds(given);
        // An input that shares its values with another one has no placeholder.
        const distinct = ids.filter((id, i) => ids.indexOf(id) === i);
        return backend.binding
          .runSavedModel(session.id, distinct, fed, fetched)
          .map((made) => backend.createOutputTensor(made));
      },
      dispose: () => {
        if (isDisposed) return;
        isDisposed = true;
        this.#letGo(binding, session);
      },
    };
  }

  #session(binding: GraphBinding, file: Uint8Array): Session {
    const key = createHash('sha256').update(file).digest('hex');
    const session = this.#sessions.get(key) ?? { id: load(binding, file), key, users: 0 };
    session.users++;
    this.#sessions.set(key, session);
    return session;
  }

  #letGo(binding: GraphBinding, session: Session): void {
    session.users--;
    this.#sessions.delete(session.key);
    this.#sessions.set(session.key, session);
    const idle = [...this.#sessions.values()].filter(({ users }) => users === 0);
    for (const { id, key } of idle.slice(0, Math.max(0, idle.length - MAX_IDLE))) {
      this.#sessions.delete(key);
      binding.deleteSavedModel(id);
    }
  }
}

/** A graph gets and gives tensors in the processor's memory: on a GPU, copying them costs more than it saves. */
export function runsGraphs(binding: unknown): boolean {
  if (typeof binding !== 'object' || binding === null || !('runSavedModel' in binding)) return false;
  const onGpu = 'isUsingGpuDevice' in binding && typeof binding.isUsingGpuDevice === 'function';
  return !(onGpu && Reflect.apply(binding.isUsingGpuDevice as () => unknown, binding, []) === true);
}

function nodeBackend(): NodeBackend {
  return tf.backend() as unknown as NodeBackend;
}

function load(binding: GraphBinding, file: Uint8Array): number {
  const folder = mkdtempSync(join(tmpdir(), 'contigua-graph-'));
  try {
    writeFileSync(join(folder, GRAPH_FILE), file);
    return binding.loadSavedModel(folder, GRAPH_TAG);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Recorded {
  /** What GRAPH_FILE is to hold. */
  readonly file: Uint8Array;
  readonly inputNames: readonly string[];
  readonly outputs: number;
}

function recorded(backend: NodeBackend, inputs: readonly tf.Tensor[], compute: () => readonly tf.Tensor[]): Recorded {
  const { binding } = backend;
  const nodes: Uint8Array[] = [];
  /** What a tensor of the binding is called in the graph. */
  const names = new Map<number, string>();
  const inputNames: string[] = [];
  for (const [i, id] of backend.getInputTensorIds(inputs).entries()) {
    assertFloat32(inputs[i]!);
    if (names.has(id)) continue;
    names.set(id, `in${i}`);
    inputNames.push(`in${i}:0`);
    nodes.push(placeholder(`in${i}`, inputs[i]!.shape));
  }
  const nameOf = (id: number, kind: string) => {
    const name = names.get(id);
    if (name === undefined) throw unrecordable(`${kind} reads a tensor that is no input of the recording`);
    return name;
  };
  /** Tensors whose values were given while recording. */
  const given = new WeakSet<object>();
  const watched: GraphBinding = {
    ...bound(binding),
    createTensor(shape, dtype, values) {
      const id = binding.createTensor(shape, dtype, values);
      const name = `constant${nodes.length}`;
      names.set(id, name);
      nodes.push(constant(name, dtype, shape, values));
      return id;
    },
    tensorDataSync() {
      throw unrecordable('Values cannot be read while operations are recorded');
    },
    executeOp(kind, attributes, ids, outputs) {
      const found = binding.executeOp(kind, attributes, ids, outputs);
      const name = `node${nodes.length}`;
      const named = ids.map((id) => nameOf(id, kind));
      nodes.push(operation(name, kind, named, kind === 'ExpandDims' ? EXPAND_DIMS : attributes));
      for (const [i, { id }] of found.entries()) names.set(id, i === 0 ? name : `${name}:${i}`);
      return found;
    },
  };
  const { move, getInputTensorIds } = backend;
  Object.assign(backend, {
    binding: watched,
    move(dataId: object, ...rest: unknown[]) {
      given.add(dataId);
      move.call(backend, dataId, ...rest);
    },
    getInputTensorIds(tensors: readonly tf.Tensor[]) {
      // Else values given before, and first read now, would become constants.
      for (const { dataId } of tensors) {
        if (dataId && !given.has(dataId) && backend.tensorMap.get(dataId).values !== null) nameOf(-1, 'An operation');
      }
      return getInputTensorIds.call(backend, tensors);
    },
  });
  try {
    const results = compute();
    try {
      for (const [i, id] of backend.getInputTensorIds(results).entries()) {
        assertFloat32(results[i]!);
        nodes.push(identity(`out${i}`, nameOf(id, 'A result')));
      }
    } finally {
      tf.dispose([...results]);
    }
    return { file: savedModel(nodes), inputNames, outputs: results.length };
  } finally {
    backend.binding = binding;
    for (const own of ['move', 'getInputTensorIds']) Reflect.deleteProperty(backend, own);
  }
}

function assertFloat32({ dtype }: tf.Tensor): void {
  if (dtype !== 'float32') throw unrecordable(`A recording takes and gives float32, not ${dtype}`);
}

function unrecordable(summary: string): ContiguaError {
  return new ContiguaError('internal', summary);
}

/** The binding's own properties cannot be replaced. */
function bound(binding: GraphBinding): GraphBinding {
  const copied = Object.entries(Object.getOwnPropertyDescriptors(binding)).map(([name, { value }]) => [
    name,
    typeof value === 'function' ? value.bind(binding) : value,
  ]);
  return Object.fromEntries(copied);
}
