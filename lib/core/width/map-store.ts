/**
 * Linear maps of narrower blocks in a store, one matrix each: at width 3072 a map is 38 MB and a model may hold a hundred, so that
 * they wait there until the block that they belong to is reached.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { FormMap } from '../model/config-index.ts';
import { type DenseMap, WeightSet } from '../model/index.ts';
import type { StateStore } from '../states/index.ts';

/** `owner` tells apart maps of one block that were fitted for different edits, each alone. */
export interface MapStore {
  readonly store: StateStore;
  readonly owner: string;
}

const keyOf = (owner: string, block: number, name: string) => `map/${owner.replaceAll(' ', '_')}/${block}-${name}`;

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
