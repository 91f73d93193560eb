/**
 * Probes of a model in a store, one block's at a time: sixty probes of width 3072 are gigabytes, so that they wait there until
 * the block that they replace is reached.
 */
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

/**
 * Rows of width d: one that tells the rank (0 for a dense map), then the weight [d, d] and the bias, or the factors [d, r],
 * [r, d] and the bias.
 */
export async function putProbe(
  store: StateStore,
  stream: StreamId,
  block: number,
  map: AffineMap | null,
): Promise<void> {
  const key = keyOf(stream, block);
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

/** Null where the block has no probe in this stream. */
export async function readProbe(store: StateStore, stream: StreamId, block: number): Promise<AffineMap | null> {
  const key = keyOf(stream, block);
  const shape = await store.shape(key);
  if (!shape) return null;
  const { rows, width } = shape;
  const rank = (await store.read(key, 0, 1))[0]!;
  const bias = await store.read(key, rows - 1, rows);
  if (rank === 0) return { weight: await store.read(key, 1, 1 + width), bias };
  return { left: await store.read(key, 1, 1 + rank), right: await store.read(key, 1 + rank, 1 + 2 * rank), bias };
}
