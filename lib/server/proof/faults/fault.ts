/**
 * One kind of fault that the proof inflicts on a running product. A kind is a file of its own in this folder, listed in
 * index.ts; what it needs to reach is in `Target`.
 */
import type { SeededRandom } from '../../../core/random.ts';
import type { HostProcess } from '../host-process.ts';
import type { Setting } from '../setting.ts';

export interface Target {
  readonly setting: Setting;
  readonly random: SeededRandom;
  /** The host that runs now; replaced by `restart`. */
  host(): HostProcess;
  /** The run that is being trained. */
  runId(): string;
  /** Starts a host on the same data folder after the last one has ended, and follows every run from the last event told. */
  restart(): Promise<HostProcess>;
  /** Milliseconds of the next stop with SIGSTOP: long for the first of each kind, seconds for the others. */
  stopMs(kind: string): number;
  /** The data folder lies on a small file system of its own, which can be filled. */
  readonly smallDisk: boolean;
}

export interface Fault {
  /** As the table shows it: "kill -9 of the host". */
  readonly name: string;
  /** Why it cannot be inflicted here, or null. */
  unavailable(target: Pick<Target, 'smallDisk'>): string | null;
  /**
   * Inflicts it and leaves the product running, perhaps with another host. False where there was nothing to hit, so that
   * it does not count.
   */
  inflict(target: Target): Promise<boolean>;
}

export const sleep = (milliseconds: number) => new Promise<void>((go) => setTimeout(go, milliseconds));
