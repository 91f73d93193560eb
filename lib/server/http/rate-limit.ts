/**
 * Token buckets, one per caller: bursts are fine, a flood is not. Memory is bounded: the callers that were quiet longest
 * are forgotten first, which gives them a full bucket, as their silence would have.
 */
const MAX_CALLERS = 10_000;

export class RateLimit {
  private readonly buckets = new Map<string, { level: number; at: number }>();

  /** @param burst requests at once @param perSecond requests for ever @param now milliseconds */
  constructor(
    private readonly burst: number,
    private readonly perSecond: number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Seconds until the caller may try again; 0 where this request is taken. */
  take(caller: string, cost = 1): number {
    const at = this.now();
    const bucket = this.buckets.get(caller) ?? { level: this.burst, at };
    const level = Math.min(this.burst, bucket.level + ((at - bucket.at) / 1000) * this.perSecond);
    const taken = level >= cost;
    this.buckets.delete(caller);
    this.buckets.set(caller, { level: taken ? level - cost : level, at });
    for (const oldest of this.buckets.keys()) {
      if (this.buckets.size <= MAX_CALLERS) break;
      this.buckets.delete(oldest);
    }
    return taken ? 0 : Math.ceil((cost - level) / this.perSecond);
  }
}

/** How many long answers are open, in all and per caller. */
export class OpenLimit {
  private readonly open = new Map<string, number>();
  private total = 0;

  constructor(
    private readonly perCaller: number,
    private readonly inAll: number,
  ) {}

  /** Null where there are too many; else to be called once when the answer has ended. */
  enter(caller: string): (() => void) | null {
    const mine = this.open.get(caller) ?? 0;
    if (mine >= this.perCaller || this.total >= this.inAll) return null;
    this.open.set(caller, mine + 1);
    this.total++;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.total--;
      const rest = (this.open.get(caller) ?? 1) - 1;
      if (rest === 0) this.open.delete(caller);
      else this.open.set(caller, rest);
    };
  }
}
