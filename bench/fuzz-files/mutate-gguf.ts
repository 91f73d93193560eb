/**
 * Seeded damage to GGUF files: hostile numbers in the places of counts, lengths, types, dimensions and offsets, which a walk
 * over the well-formed header finds; and bytes anywhere.
 */
import type { SeededRandom } from '../../lib/core/random.ts';
import { mutateBytes, pick } from './mutate.ts';
import type { Bytes } from './seeds.ts';

interface Field {
  readonly at: number;
  readonly bytes: 4 | 8;
}

export function mutateGguf(random: SeededRandom, bytes: Bytes): Bytes {
  const { fields, end } = walk(bytes);
  if (random.integer(5) === 0) return mutateBytes(random, bytes);
  // Cut, mostly in the header.
  if (random.integer(8) === 0) return bytes.slice(0, random.integer(random.integer(2) === 0 ? end : bytes.length));
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  for (let times = 1 + random.integer(3); times > 0; times--) {
    const { at, bytes: width } = pick(random, fields);
    if (width === 4) view.setUint32(at, hostile32(random, view.getUint32(at, true)), true);
    else view.setBigUint64(at, hostile64(random, view.getBigUint64(at, true)), true);
  }
  if (random.integer(4) > 0) return copy;
  // Noise in the header.
  const at = random.integer(end);
  copy[at] = random.integer(256);
  return copy;
}

function hostile32(random: SeededRandom, honest: number): number {
  const types = random.integer(45);
  return pick(random, [0, 1, 2, 4, 8, 9, 12, types, honest + 1, honest - 1, 2 ** 31, 2 ** 32 - 1, 0x03000000]) >>> 0;
}

function hostile64(random: SeededRandom, honest: bigint): bigint {
  const lies = [0n, 1n, 7n, honest + 1n, honest - 1n, honest * 2n, honest + 32n, 1n << BigInt(random.integer(64))];
  const large = [2n ** 16n + 1n, 2n ** 31n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 64n - 32n];
  return BigInt.asUintN(64, pick(random, [...lies, ...large]));
}

/** Where a well-formed header has its numbers, and where it ends. */
function walk(bytes: Bytes): { fields: readonly Field[]; end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const fields: Field[] = [];
  let at = 4;
  const u32 = () => {
    fields.push({ at, bytes: 4 });
    at += 4;
    return view.getUint32(at - 4, true);
  };
  const u64 = () => {
    fields.push({ at, bytes: 8 });
    at += 8;
    return Number(view.getBigUint64(at - 8, true));
  };
  const text = () => {
    const length = u64();
    at += length;
  };
  const SCALARS = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];
  const value = (type: number) => {
    if (type === 8) text();
    else if (type === 9) {
      const inner = u32();
      for (let n = u64(); n > 0; n--) value(inner);
    } else at += SCALARS[type] ?? 0;
  };
  u32();
  const [tensors, keys] = [u64(), u64()];
  for (let i = 0; i < keys; i++) {
    text();
    value(u32());
  }
  for (let i = 0; i < tensors; i++) {
    text();
    for (let n = u32(); n > 0; n--) u64();
    u32();
    u64();
  }
  return { fields, end: at };
}
