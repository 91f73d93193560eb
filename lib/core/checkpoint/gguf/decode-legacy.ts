/**
 * Q4_0 and Q8_0: blocks of 32 elements that share one half-precision scale d.
 * Rounding is that of float32 arithmetic step by step, so that values equal those of gguf-py bit for bit.
 */
import { halfTable } from '../../tensor/float.ts';

const ELEMENTS = 32;

/** d, then 16 bytes: element i in the low half of byte i, element 16 + i in its high half; value d·(q − 8). */
export function decodeQ4_0(bytes: Uint8Array, values: Float32Array): void {
  const half = halfTable();
  for (let at = 0, element = 0; at < bytes.length; at += 2 + ELEMENTS / 2, element += ELEMENTS) {
    const d = half[bytes[at]! | (bytes[at + 1]! << 8)]!;
    for (let i = 0; i < ELEMENTS / 2; i++) {
      const pair = bytes[at + 2 + i]!;
      values[element + i] = d * ((pair & 15) - 8);
      values[element + ELEMENTS / 2 + i] = d * ((pair >> 4) - 8);
    }
  }
}

/** d, then 32 signed bytes; value d·q. */
export function decodeQ8_0(bytes: Uint8Array, values: Float32Array): void {
  const half = halfTable();
  for (let at = 0, element = 0; at < bytes.length; at += 2 + ELEMENTS, element += ELEMENTS) {
    const d = half[bytes[at]! | (bytes[at + 1]! << 8)]!;
    for (let i = 0; i < ELEMENTS; i++) values[element + i] = d * ((bytes[at + 2 + i]! << 24) >> 24);
  }
}
