/**
 * Where teacher states wait between the intervals that need them; implemented by hosts with a disk
 * (lib/compute/stores/disk-state-cache.ts). What is read is bit for bit what was stored, so that a run is the same with and
 * without it.
 */
export interface StateCache {
  /** Null when it is not there. */
  load(name: string): Promise<Float32Array | null>;
  /** Keeps the values unless the budget is used up. */
  store(name: string, values: Float32Array): Promise<void>;
  has(name: string): Promise<boolean>;
  /** False once the budget is used up: then computing more than one's own states serves nobody. */
  readonly hasRoom: boolean;
  /** Null while somebody else computes it; else the release of the claim, which ends by itself with its process. */
  claim(name: string): Promise<(() => Promise<void>) | null>;
}
