/**
 * Results beside states, in the same store: JSON and float64 arrays, sealed as they are finished, so that an analysis
 * that was interrupted goes on after them. A piece is stored as one row of float32 words that hold its bytes.
 */
import type { StateStore } from './state-store.ts';

/** All rows of a matrix at once. */
export async function putMatrix(store: StateStore, key: string, values: Float32Array, width: number): Promise<void> {
  await store.create(key, values.length / width, width);
  await store.write(key, 0, values);
  await store.seal(key);
}

/** JSON keeps every finite number exactly; NaN and infinities must not be in it. */
export async function putJson(store: StateStore, key: string, value: unknown): Promise<void> {
  await putBytes(store, key, new TextEncoder().encode(JSON.stringify(value)));
}

/** Null where the piece is not there. What it is of is the key's matter: stores are named by what they follow from. */
export async function jsonPiece<T>(store: StateStore, key: string): Promise<T | null> {
  const bytes = await pieceBytes(store, key);
  return bytes && (JSON.parse(new TextDecoder().decode(bytes)) as T);
}

export async function putFloats(store: StateStore, key: string, values: Float64Array): Promise<void> {
  await putBytes(store, key, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
}

export async function floatsPiece(store: StateStore, key: string): Promise<Float64Array | null> {
  const bytes = await pieceBytes(store, key);
  return bytes && new Float64Array(bytes.slice().buffer);
}

/** The length in bytes comes first. */
async function putBytes(store: StateStore, key: string, bytes: Uint8Array): Promise<void> {
  const words = 2 + Math.ceil(bytes.length / 4);
  const padded = new Uint8Array(words * 4);
  new Float64Array(padded.buffer, 0, 1)[0] = bytes.length;
  padded.set(bytes, 8);
  await putMatrix(store, key, new Float32Array(padded.buffer), words);
}

async function pieceBytes(store: StateStore, key: string): Promise<Uint8Array<ArrayBuffer> | null> {
  if (!(await store.shape(key))) return null;
  const { buffer } = await store.read(key);
  return new Uint8Array(buffer, 8, new Float64Array(buffer, 0, 1)[0]);
}
