/**
 * Q4_K, Q5_K and Q6_K: blocks of 256 elements in groups that have a small integer scale (and minimum) each, which one or
 * two half-precision numbers scale in turn. `ggml-quants.c` defines the layouts; rounding is that of float32 step by step,
 * so that values equal those of gguf-py bit for bit.
 */
import { halfTable } from '../../tensor/float.ts';

const ELEMENTS = 256;
/** Elements of a group of Q4_K and Q5_K. */
const GROUP = 32;
const SCALE_BYTES = 12;

/** d, dmin, 12 bytes of scales, 128 bytes of 4-bit numbers; value (d·scale)·q − dmin·minimum. */
export function decodeQ4K(bytes: Uint8Array, values: Float32Array): void {
  decodeWithMinimum(bytes, values, 0);
}

/** As Q4_K, with 32 bytes of fifth bits before the 4-bit numbers: bit g of byte i belongs to element i of group g. */
export function decodeQ5K(bytes: Uint8Array, values: Float32Array): void {
  decodeWithMinimum(bytes, values, GROUP);
}

function decodeWithMinimum(bytes: Uint8Array, values: Float32Array, highBytes: number): void {
  const half = halfTable();
  const blockBytes = 4 + SCALE_BYTES + highBytes + ELEMENTS / 2;
  for (let at = 0, element = 0; at < bytes.length; at += blockBytes, element += ELEMENTS) {
    const d = half[bytes[at]! | (bytes[at + 1]! << 8)]!;
    const dmin = half[bytes[at + 2]! | (bytes[at + 3]! << 8)]!;
    const [scales, high] = [at + 4, at + 4 + SCALE_BYTES];
    const low = high + highBytes;
    for (let group = 0; group < ELEMENTS / GROUP; group++) {
      const scale = Math.fround(d * packedScale(bytes, scales, group));
      const minimum = Math.fround(dmin * packedMinimum(bytes, scales, group));
      // Two groups share 32 bytes: the even one has their low halves.
      const [pairs, shift] = [low + GROUP * (group >> 1), 4 * (group & 1)];
      for (let i = 0; i < GROUP; i++) {
        let q = (bytes[pairs + i]! >> shift) & 15;
        if (highBytes > 0) q |= ((bytes[high + i]! >> group) & 1) << 4;
        values[element + GROUP * group + i] = Math.fround(scale * q) - minimum;
      }
    }
  }
}

/** Six bits of group 0 to 7: those of the last four are split between the last third and the top of the first. */
function packedScale(bytes: Uint8Array, at: number, group: number): number {
  if (group < 4) return bytes[at + group]! & 63;
  return (bytes[at + 4 + group]! & 15) | ((bytes[at + group - 4]! >> 2) & 48);
}

function packedMinimum(bytes: Uint8Array, at: number, group: number): number {
  if (group < 4) return bytes[at + 4 + group]! & 63;
  return (bytes[at + 4 + group]! >> 4) | ((bytes[at + group]! >> 2) & 48);
}

/**
 * 128 bytes of low halves, 64 bytes of two high bits, 16 signed scales of 16 elements each, d; value (d·scale)·(q − 32).
 * Either half of the block holds 128 elements in four rows of 32: rows 0 and 1 in the low halves of its 64 bytes, rows 2
 * and 3 in the high ones; row r has bits 2r and 2r + 1 of its 32 bytes.
 */
export function decodeQ6K(bytes: Uint8Array, values: Float32Array): void {
  const half = halfTable();
  for (let at = 0, element = 0; at < bytes.length; at += 210, element += ELEMENTS) {
    const d = half[bytes[at + 208]! | (bytes[at + 209]! << 8)]!;
    for (let row = 0; row < 8; row++) {
      const [side, inSide] = [row >> 2, row & 3];
      const low = at + 64 * side + 32 * (inSide & 1);
      const lowShift = 4 * (inSide >> 1);
      const high = at + 128 + 32 * side;
      for (let i = 0; i < 32; i++) {
        const scale = Math.fround(d * ((bytes[at + 192 + 2 * row + (i >> 4)]! << 24) >> 24));
        const q = ((bytes[low + i]! >> lowShift) & 15) | (((bytes[high + i]! >> (2 * inSide)) & 3) << 4);
        values[element + 32 * row + i] = scale * (q - 32);
      }
    }
  }
}
