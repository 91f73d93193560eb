/** One kind of file that the fuzzer damages and the product reads. */
import type { SeededRandom } from '../../lib/core/random.ts';
import type { Bytes } from './seeds.ts';

export type Files = Readonly<Record<string, Bytes>>;

export interface Target {
  readonly kind: string;
  /** Of all inputs; others count 1. */
  readonly share?: number;
  damage(random: SeededRandom): Files;
  read(files: Files, random: SeededRandom): Promise<unknown>;
}
