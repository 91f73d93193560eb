/**
 * Probes of a model in a store, one block's at a time: sixty probes of width 3072 are gigabytes, so that they wait there until
 * the block that they replace is reached.
 */
import type { BlockInterval } from '../interval/index.ts';
import type { AffineMap, StreamId, StreamProbes } from '../model/index.ts';
import type { StateStore } from '../states/index.ts';

export interface BlockProbes {
  of(block: number): Promise<StreamProbes>;
}

/** For routes that hold all probes that they need at once. */
export async function probesOf(probes: BlockProbes, blocks: Iterable<number>): Promise<StreamProbes[]> {
  const list: StreamProbes[] = [];
  for (const block of blocks) list[block] = await probes.of(block);
  return list;
}

const keyOf = (stream: StreamId, block: number) => `${stream}/probe-${block}`;
const runKeyOf = (stream: StreamId, { first, last }: BlockInterval) => `${stream}/run-${first}-${last}`;

export async function putProbe(
  store: StateStore,
  stream: StreamId,
  block: number,
  map: AffineMap | null,
): Promise<void> {
  await putMap(store, keyOf(stream, block), map);
}

/** Null where the block has no probe in this stream. */
export async function readProbe(store: StateStore, stream: StreamId, block: number): Promise<AffineMap | null> {
  return await readMap(store, keyOf(stream, block));
}

/** The map across a run, which is fitted without an analysis. */
export async function putRunMap(store: StateStore, run: BlockInterval, maps: StreamProbes): Promise<void> {
  for (const [stream, map] of Object.entries(maps)) await putMap(store, runKeyOf(stream, run), map);
}

export async function readRunMap(
  store: StateStore,
  run: BlockInterval,
  streams: readonly StreamId[],
): Promise<StreamProbes> {
  const maps: [StreamId, AffineMap | null][] = [];
  for (const stream of streams) maps.push([stream, await readMap(store, runKeyOf(stream, run))]);
  return Object.fromEntries(maps);
}

/**
 * Rows of width d: one that tells the rank (0 for a dense map), then the weight [d, d] and the bias, or the factors [d, r],
 * [r, d] and the bias.
 */
async function putMap(store: StateStore, key: string, map: AffineMap | null): Promise<void> {
  if (!map) return await store.remove(key);
  const width = map.bias.length;
  const parts = 'weight' in map ? [map.weight, map.bias] : [map.left, map.right, map.bias];
  const first = new Float32Array(width);
  first[0] = 'weight' in map ? 0 : map.right.length / width;
  const all = [first, ...parts];
  await store.create(key, all.reduce((sum, { length }) => sum + length, 0) / width, width);
  let row = 0;
  for (const part of all) {
    await store.write(key, row, part);
    row += part.length / width;
  }
  await store.seal(key);
}

async function readMap(store: StateStore, key: string): Promise<AffineMap | null> {
  const shape = await store.shape(key);
  if (!shape) return null;
  const { rows, width } = shape;
  const rank = (await store.read(key, 0, 1))[0]!;
  const bias = await store.read(key, rows - 1, rows);
  if (rank === 0) return { weight: await store.read(key, 1, 1 + width), bias };
  return { left: await store.read(key, 1, 1 + rank), right: await store.read(key, 1 + rank, 1 + 2 * rank), bias };
}
