/**
 * What no further measurement changes of a report crosses to the background worker once: with sixty blocks, copying it anew for each
 * measurement holds the page up. Messages arrive in order, so that both ends know which parts were sent last.
 */
import type { AnalysisReport } from '@/lib/core/report/report.ts';

export type HeldParts = Pick<AnalysisReport, 'streams' | 'directionErrors' | 'proxies'>;

export interface SentReport<R extends HeldParts> {
  readonly rest: Omit<R, keyof HeldParts>;
  /** Null for those that were sent last. */
  readonly held: HeldParts | null;
}

/** The sender's end. */
export class PartsSent {
  #last: HeldParts | null = null;

  send<R extends HeldParts>({ streams, directionErrors, proxies, ...rest }: R): SentReport<R> {
    const last = this.#last;
    const isHeld = last?.streams === streams && last.directionErrors === directionErrors && last.proxies === proxies;
    if (isHeld) return { rest, held: null };
    this.#last = { streams, directionErrors, proxies };
    return { rest, held: this.#last };
  }
}

/** The receiver's end. */
export class PartsHeld {
  #last: HeldParts | null = null;

  receive<R extends HeldParts>({ rest, held }: SentReport<R>): R {
    this.#last = held ?? this.#last;
    if (!this.#last) throw new RangeError('There is no earlier report whose parts are held');
    return { ...rest, ...this.#last } as R;
  }
}
