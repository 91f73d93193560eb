/**
 * Where teacher states wait between the intervals that need them; implemented by hosts with a disk
 * (lib/compute/stores/disk-state-cache.ts). What is read is bit for bit what was stored, so that a run is the same with and
 * without it.
 */
export interface StateCache {
  /** Null when it is not there. */
  load(name: string): Promise<Float32Array | null>;
  /** Keeps the values unless the budget is used up; false where it did not. */
  store(name: string, values: Float32Array): Promise<boolean>;
  has(name: string): Promise<boolean>;
  /** The budget. */
  readonly sizeBytes: number;
  /** What is left of it; 0 once something did not fit: then computing more than one's own states serves nobody. */
  readonly freeBytes: number;
  /** Null while somebody else computes what is named. */
  claim(name: string): Promise<Claim | null>;
}

/** The right to compute something that others then find. Ends by itself with its process, or when it is not renewed for long. */
export interface Claim {
  renew(): Promise<void>;
  release(): Promise<void>;
}
