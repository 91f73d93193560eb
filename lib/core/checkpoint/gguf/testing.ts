/** GGUF files for tests, well-formed or broken in a chosen way. For tests only. */

interface Key {
  readonly key: string;
  /** An array of strings. */
  readonly words: readonly string[];
  /** Lies. */
  readonly length?: bigint;
  readonly wordLength?: bigint;
  readonly type?: number;
  /** Arrays around it. */
  readonly nested?: number;
}

interface NumberKey {
  readonly key: string;
  /** Stored in 16 bits. */
  readonly value: number;
}

interface Tensor {
  readonly name: string;
  /** Fastest first. */
  readonly dimensions: readonly bigint[];
  readonly type: number;
  readonly bytes: Uint8Array;
  /** Lies. */
  readonly offset?: bigint;
}

export interface GgufContent {
  readonly version?: number;
  readonly alignment?: number;
  readonly keys?: readonly Key[];
  readonly numbers?: readonly NumberKey[];
  readonly tensors?: readonly Tensor[];
  /** Lies. */
  readonly numTensors?: bigint;
  readonly numKeys?: bigint;
  readonly nameLength?: bigint;
}

export function ggufFile(content: GgufContent): Uint8Array<ArrayBuffer> {
  const { version = 3, alignment, keys = [], numbers = [], tensors = [] } = content;
  const parts: Uint8Array[] = [];
  const numKeys = keys.length + numbers.length + (alignment === undefined ? 0 : 1);
  const u32 = (value: number) => parts.push(new Uint8Array(new Uint32Array([value]).buffer));
  const u64 = (value: bigint) => parts.push(new Uint8Array(new BigUint64Array([value]).buffer));
  const text = (value: string, length?: bigint) => {
    const bytes = new TextEncoder().encode(value);
    u64(length ?? BigInt(bytes.length));
    parts.push(bytes);
  };
  parts.push(new TextEncoder().encode('GGUF'));
  u32(version);
  u64(content.numTensors ?? BigInt(tensors.length));
  u64(content.numKeys ?? BigInt(numKeys));
  if (alignment !== undefined) {
    text('general.alignment');
    u32(4);
    u32(alignment);
  }
  for (const { key, value } of numbers) {
    text(key);
    u32(2);
    parts.push(new Uint8Array(new Uint16Array([value]).buffer));
  }
  for (const { key, words, length, wordLength, type = 9, nested = 0 } of keys) {
    text(key);
    u32(type);
    for (let i = 0; i < nested; i++) {
      u32(9);
      u64(1n);
    }
    u32(8);
    u64(length ?? BigInt(words.length));
    for (const word of words) text(word, wordLength);
  }
  const boundary = alignment ?? 32;
  const padding = (size: number) => new Uint8Array((boundary - (size % boundary)) % boundary);
  let offset = 0;
  for (const { name, dimensions, type, bytes, offset: lie } of tensors) {
    text(name, content.nameLength);
    u32(dimensions.length);
    for (const n of dimensions) u64(BigInt.asUintN(64, n));
    u32(type);
    u64(lie ?? BigInt(offset));
    offset += bytes.length + padding(bytes.length).length;
  }
  parts.push(padding(parts.reduce((sum, { length }) => sum + length, 0)));
  for (const { bytes } of tensors) parts.push(bytes, padding(bytes.length));
  const file = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}
