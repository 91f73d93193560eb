/**
 * Linear maps of narrower blocks in a store, one matrix each: at width 3072 a map is 38 MB and a model may hold a hundred, so that
 * they wait there until the block that they belong to is reached.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { ProbeErrors } from '../analysis/index.ts';
import type { FormMap } from '../model/config-index.ts';
import { type DenseMap, WeightSet } from '../model/index.ts';
import { jsonPiece, putJson, type StateStore } from '../states/index.ts';

/** `owner` tells apart maps of one block that were fitted for different edits, each alone. */
export interface MapStore {
  readonly store: StateStore;
  readonly owner: string;
}

const keyOf = (owner: string, block: number, name: string) => `map/${owner.replaceAll(' ', '_')}/${block}-${name}`;
const errorsKeyOf = (owner: string, block: number, name: string) => keyOf(owner, block, name).replace('map', 'errors');

/** What the quality of a map is made of; null where it is not judged. */
export type MapErrors = Pick<ProbeErrors, 'residuals' | 'updates' | 'outputs'> | null;

/** Rows of width d: the weight [d, d], row = input feature, then the bias. */
export async function putMap({ store, owner }: MapStore, block: number, name: string, { weight, bias }: DenseMap) {
  const key = keyOf(owner, block, name);
  const width = bias.length;
  await store.create(key, width + 1, width);
  await store.write(key, 0, weight);
  await store.write(key, width, bias);
  await store.seal(key);
}

/** Throws RangeError where the store holds no such map. */
export async function readMap({ store, owner }: MapStore, block: number, name: string): Promise<DenseMap> {
  const key = keyOf(owner, block, name);
  const shape = await store.shape(key);
  if (!shape) throw new RangeError(`No map ${name} of block ${block} is stored`);
  return { weight: await store.read(key, 0, shape.width), bias: await store.read(key, shape.width) };
}

/** The errors of a stored map, once it will not be fitted again. */
export async function putErrors({ store, owner }: MapStore, block: number, name: string, errors: MapErrors) {
  const listed = errors && Object.fromEntries(PARTS.map((part) => [part, [...errors[part]]]));
  await putJson(store, errorsKeyOf(owner, block, name), { errors: listed });
}

/** Undefined where the map or its errors are not stored. */
export async function storedErrors(
  { store, owner }: MapStore,
  block: number,
  name: string,
): Promise<MapErrors | undefined> {
  type Listed = Readonly<Record<(typeof PARTS)[number], readonly number[]>>;
  if (!(await store.shape(keyOf(owner, block, name)))) return undefined;
  const found = await jsonPiece<{ readonly errors: Listed | null }>(store, errorsKeyOf(owner, block, name));
  if (!found?.errors) return found ? null : undefined;
  const { residuals, updates, outputs } = found.errors;
  return {
    residuals: Float64Array.from(residuals),
    updates: Float64Array.from(updates),
    outputs: Float64Array.from(outputs),
  };
}

/** With its errors. */
export async function removeMap({ store, owner }: MapStore, block: number, name: string): Promise<void> {
  await store.remove(errorsKeyOf(owner, block, name));
  await store.remove(keyOf(owner, block, name));
}

const PARTS = ['residuals', 'updates', 'outputs'] as const;

/** The block's maps on the engine, owned by the caller. */
export async function mapsOnEngine(from: MapStore, block: number, maps: readonly FormMap[]): Promise<WeightSet> {
  const set = new WeightSet();
  try {
    for (const { name } of maps) {
      const { weight, bias } = await readMap(from, block, name);
      set.add(`${name}.weight`, tf.tensor2d(weight, [bias.length, bias.length]));
      set.add(`${name}.bias`, tf.tensor1d(bias));
    }
    return set;
  } catch (thrown) {
    set.dispose();
    throw thrown;
  }
}
