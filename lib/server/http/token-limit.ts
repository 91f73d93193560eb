/**
 * Bounds how fast a token can be guessed, by whatever way it is shown, and keeps nobody out who has it. Per source, a
 * number of wrong tokens is answered at once. After these, every further attempt waits for its turn, the right token like
 * a wrong one: were the right one answered sooner, its answer would tell, and guesses would be bounded by nothing. Then
 * the right one passes and a wrong one is refused. Only where many attempts of the source wait already is one refused
 * unjudged. A wrong token that was judged before is no new guess: it is refused at once and not counted, so that a page
 * with an outdated cookie keeps nobody waiting. A cookie that this server made cannot be guessed and is never counted
 * (see access.ts).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { digest } from './secrets.ts';

export interface TokenRules {
  /** Wrong tokens of a source that are answered at once. */
  readonly burst: number;
  /** Judged per second after these, and how fast the burst is given back. */
  readonly perSecond: number;
  /** Attempts of a source that wait at once. */
  readonly line: number;
}

export interface Attempt {
  readonly source: string;
  readonly means: 'bearer' | 'cookie' | 'form' | 'address';
  readonly shown: string;
  readonly isRight: boolean;
  /** Another site had the browser ask: counted apart, so that a foreign page cannot use up its visitors' own attempts. */
  readonly isForeign?: boolean;
}

/** `seconds` to wait before another attempt; 0 where there is no need. */
export type Verdict = { readonly is: 'right' } | { readonly is: 'wrong' | 'too-many'; readonly seconds: number };

export const TOKEN_RULES: TokenRules = { burst: 20, perSecond: 2, line: 40 };
const MAX_REMEMBERED = 10_000;

interface Ledger {
  /** Wrong tokens that are still answered at once, as of `at` (ms). */
  level: number;
  at: number;
  /** When the last one that waits has its turn (ms). */
  turn: number;
}

export class TokenLimit {
  private readonly ledgers = new Map<string, Ledger>();
  private readonly wrong = new Set<string>();

  /** @param log hears of each wrong token that was judged: one line, in a form that docs/security.md promises */
  constructor(
    private readonly log: (line: string) => void,
    private readonly rules: TokenRules = TOKEN_RULES,
    private readonly now: () => number = () => performance.now(),
    private readonly pause: (ms: number) => Promise<unknown> = (ms) => sleep(ms, undefined, { ref: false }),
  ) {}

  async judge({ source, means, shown, isRight, isForeign = false }: Attempt): Promise<Verdict> {
    const key = digest(shown).toString('base64');
    if (!isRight && this.wrong.has(key)) return { is: 'wrong', seconds: 0 };
    const ledger = this.ledgerOf(isForeign ? `${source} by another site` : source);
    const { burst, perSecond, line } = this.rules;
    const now = this.now();
    // Nothing is given back while somebody waits: turns are what that time is used for.
    const idleMs = Math.max(0, now - Math.max(ledger.at, ledger.turn));
    ledger.level = Math.min(burst, ledger.level + (idleMs / 1000) * perSecond);
    ledger.at = now;
    if (ledger.level < 1) {
      const turn = Math.max(now, ledger.turn) + 1000 / perSecond;
      const seconds = Math.ceil((turn - now) / 1000);
      if (turn - now > (line * 1000) / perSecond) return { is: 'too-many', seconds };
      // Whoever goes away meanwhile has used up the turn.
      ledger.turn = turn;
      await this.pause(turn - now);
      if (isRight) return { is: 'right' };
      this.tell(source, means, key);
      return { is: 'too-many', seconds: Math.ceil(1 / perSecond) };
    }
    if (isRight) return { is: 'right' };
    ledger.level -= 1;
    this.tell(source, means, key);
    return { is: 'wrong', seconds: 0 };
  }

  private tell(source: string, means: Attempt['means'], key: string): void {
    this.wrong.add(key);
    forgetOldest(this.wrong);
    this.log(`${new Date().toISOString()} contigua: login failed from ${source} by ${means}`);
  }

  private ledgerOf(key: string): Ledger {
    const ledger = this.ledgers.get(key) ?? { level: this.rules.burst, at: this.now(), turn: 0 };
    this.ledgers.delete(key);
    this.ledgers.set(key, ledger);
    forgetOldest(this.ledgers);
    return ledger;
  }
}

function forgetOldest(known: Map<string, unknown> | Set<string>): void {
  for (const oldest of known.keys()) {
    if (known.size <= MAX_REMEMBERED) break;
    known.delete(oldest);
  }
}
