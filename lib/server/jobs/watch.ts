/**
 * Notices a compute process that is there but does not work: stopped, deadlocked in native code, waiting for a device that
 * never answers. Every step it reports and every sign of life counts; silence of a multiple of its median step, or work that
 * stands still for long while its event loop turns, does not. Time counts in ticks of this process: whoever watches may
 * itself be stopped, and the silence of a machine that slept says nothing.
 */
import type { Timing } from '../runs/context.ts';

export type Allowance = Pick<Timing, 'stepFloor' | 'stepFactor' | 'quiet'>;

/** The median is of so many steps. */
const RECENT = 21;
/** Looks per allowed silence. */
const LOOKS = 10;
const LONGEST_LOOK_MS = 1_000;

export class Watch {
  private recentMs: number[] = [];
  private silentMs = 0;
  private idleMs = 0;
  private turns = -1;
  private lookedAt = performance.now();
  private readonly lookEveryMs: number;
  private readonly timer: NodeJS.Timeout;

  /** `onHung` is told once, in words; the watch is over then. */
  constructor(
    private readonly allowance: Allowance,
    private readonly onHung: (what: string) => void,
  ) {
    this.lookEveryMs = Math.min(LONGEST_LOOK_MS, allowance.stepFloor / LOOKS);
    this.timer = setInterval(() => this.look(), this.lookEveryMs);
  }

  /** A sign of life, with how often the work has paused so far. */
  alive(turns: number): void {
    this.silentMs = 0;
    if (turns !== this.turns) this.idleMs = 0;
    this.turns = turns;
  }

  /** News of the work, with the durations of the steps in it. */
  worked(stepsMs: readonly number[] = []): void {
    this.silentMs = 0;
    this.idleMs = 0;
    this.recentMs = [...this.recentMs, ...stepsMs].slice(-RECENT);
  }

  /** Null before the first step. */
  get medianStepMs(): number | null {
    return this.recentMs.toSorted((a, b) => a - b)[this.recentMs.length >> 1] ?? null;
  }

  end(): void {
    clearInterval(this.timer);
  }

  private look(): void {
    const now = performance.now();
    const elapsed = Math.min(now - this.lookedAt, 2 * this.lookEveryMs);
    this.lookedAt = now;
    this.silentMs += elapsed;
    this.idleMs += elapsed;
    const { stepFloor, stepFactor, quiet } = this.allowance;
    const median = this.medianStepMs;
    const allowed = median === null ? quiet : Math.max(stepFloor, stepFactor * median);
    if (this.silentMs > allowed) {
      this.hung(
        `sent nothing for ${seconds(this.silentMs)}${median === null ? '' : `, where a step takes ${seconds(median)}`}`,
      );
    } else if (this.idleMs > Math.max(quiet, allowed)) {
      this.hung(`responds, but has made no progress for ${seconds(this.idleMs)}`);
    }
  }

  private hung(what: string): void {
    this.end();
    this.onHung(what);
  }
}

const seconds = (ms: number) => `${ms < 1_000 ? (ms / 1_000).toPrecision(2) : Math.round(ms / 1_000)} s`;
