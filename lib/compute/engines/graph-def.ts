/**
 * TensorFlow's graphs as it reads them from a file: the few messages of tensorflow/core/framework/{graph,node_def,attr_value,tensor}.proto
 * and tensorflow/core/protobuf/{saved_model,meta_graph}.proto that a graph without variables needs, in the wire format of
 * Protocol Buffers. Field numbers are those of the .proto files.
 */

/** As tfjs-node's binding takes it; `type` is a TF_AttrType of tensorflow/c/c_api.h. */
export interface Attribute {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

/** TF_AttrType */
const [STRING, INT, FLOAT, BOOL, SHAPE] = [0, 1, 2, 3, 5];
export const TYPE = 4;
/** DT_FLOAT of types.proto */
export const FLOAT32 = 1;
/** Version of the graph language: that of TensorFlow 2.9 to 2.21 is above this, and all of them read it. */
const PRODUCER = 1087;
export const GRAPH_TAG = 'contigua';
/** Where a folder holds its graph. */
export const GRAPH_FILE = 'saved_model.pb';

export function constant(name: string, dtype: number, shape: readonly number[], values: ArrayBufferView): Uint8Array {
  const content = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const tensor = [integer(1, dtype), message(2, shapeOf(shape)), bytes(4, content)];
  return node(name, 'Const', [], [attribute('dtype', [integer(6, dtype)]), attribute('value', [message(8, tensor)])]);
}

export function placeholder(name: string, shape: readonly number[]): Uint8Array {
  const attributes = [attribute('dtype', [integer(6, FLOAT32)]), attribute('shape', [message(7, shapeOf(shape))])];
  return node(name, 'Placeholder', [], attributes);
}

/** A handle of its own on another node's output: what is fed cannot be fetched. */
export function identity(name: string, input: string): Uint8Array {
  return node(name, 'Identity', [input], [attribute('T', [integer(6, FLOAT32)])]);
}

/** `inputs` name nodes, or one output of several as `node:1`. */
export function operation(
  name: string,
  kind: string,
  inputs: readonly string[],
  attributes: readonly Attribute[],
): Uint8Array {
  return node(name, kind, inputs, attributes.map(encoded));
}

/** What GRAPH_FILE holds. */
export function savedModel(nodes: readonly Uint8Array[]): Uint8Array {
  const graph = [...nodes, message(4, [integer(1, PRODUCER)])];
  const metaGraph = [message(1, [text(4, GRAPH_TAG)]), message(2, graph)];
  return joined([integer(1, 1), message(2, metaGraph)]);
}

function node(name: string, kind: string, inputs: readonly string[], attributes: readonly Uint8Array[]): Uint8Array {
  return message(1, [text(1, name), text(2, kind), ...inputs.map((input) => text(3, input)), ...attributes]);
}

function attribute(name: string, value: readonly Uint8Array[]): Uint8Array {
  return message(5, [text(1, name), message(2, value)]);
}

function encoded({ name, type, value }: Attribute): Uint8Array {
  if (Array.isArray(value) && type !== SHAPE) {
    return attribute(name, [
      message(
        1,
        value.map((one) => scalar(name, type, one)),
      ),
    ]);
  }
  return attribute(name, [scalar(name, type, value)]);
}

/** AttrValue and its lists number their fields alike. */
function scalar(name: string, type: number, value: unknown): Uint8Array {
  if (type === STRING && typeof value === 'string') return text(2, value);
  if (type === INT && typeof value === 'number') return integer(3, value);
  if (type === FLOAT && typeof value === 'number') return float(4, value);
  if (type === BOOL && typeof value === 'boolean') return integer(5, value ? 1 : 0);
  if (type === TYPE && typeof value === 'number') return integer(6, value);
  if (type === SHAPE && Array.isArray(value)) return message(7, shapeOf(value));
  throw new RangeError(`An attribute ${name} of type ${type} cannot be recorded`);
}

function shapeOf(shape: readonly number[]): Uint8Array[] {
  return shape.map((size) => message(2, [integer(1, size)]));
}

function message(field: number, parts: readonly Uint8Array[]): Uint8Array {
  return bytes(field, joined(parts));
}

function text(field: number, value: string): Uint8Array {
  return bytes(field, new TextEncoder().encode(value));
}

function bytes(field: number, value: Uint8Array): Uint8Array {
  return joined([varint(8 * field + 2), varint(value.length), value]);
}

function integer(field: number, value: number): Uint8Array {
  return joined([varint(8 * field), varint(value)]);
}

function float(field: number, value: number): Uint8Array {
  const number = new Uint8Array(4);
  new DataView(number.buffer).setFloat32(0, value, true);
  return joined([varint(8 * field + 5), number]);
}

/** Seven bits a byte, the lowest first; negative numbers in two's complement of 64 bits. */
function varint(value: number): Uint8Array {
  const made: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) made.push(Number(rest & 127n) | 128);
  made.push(Number(rest));
  return Uint8Array.from(made);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
