import { describe, expect, it } from 'vitest';
import { ContiguaError } from '../../core/errors.ts';
import type { RunEvent } from '../../core/run/index.ts';
import type { NumberedEvent } from '../backend.ts';
import { followRuns, type RunNews } from './follow-runs.ts';

const event: RunEvent = { type: 'run', state: 'running' };

/** Runs whose events a test tells; `open` counts their readers. */
class Runs {
  readonly told = new Map<string, number>();
  readonly failures = new Map<string, Error>();
  open = 0;
  #wake: (() => void)[] = [];

  tell(run: string, lastEventId: number): void {
    this.told.set(run, lastEventId);
    this.wake();
  }
  fail(run: string, error: Error): void {
    this.failures.set(run, error);
    this.wake();
  }
  async *follow(run: string, after: number, signal: AbortSignal): AsyncGenerator<NumberedEvent> {
    this.open++;
    try {
      for (let id = after + 1; !signal.aborted; ) {
        const failure = this.failures.get(run);
        if (failure) throw failure;
        if (id <= (this.told.get(run) ?? 0)) yield { id: id++, event };
        else {
          await new Promise<void>((resolve) => {
            this.#wake.push(resolve);
            signal.addEventListener('abort', () => resolve(), { once: true });
          });
        }
      }
    } finally {
      this.open--;
    }
  }
  private wake(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}

const named = (news: RunNews | undefined) =>
  news && ('event' in news ? `${news.run}:${news.id}` : `${news.run}:${news.refused.code}`);
async function take(stream: AsyncGenerator<RunNews>, count: number): Promise<(string | undefined)[]> {
  const seen = [];
  while (seen.length < count) seen.push(named((await stream.next()).value));
  return seen;
}

describe('the events of several runs', () => {
  it('come in one stream, each run in order and from the number asked for', async () => {
    const runs = new Runs();
    runs.tell('a', 3);
    runs.tell('b', 12);
    const wanted = [
      { id: 'a', lastEventId: 0 },
      { id: 'b', lastEventId: 10 },
    ];
    const stream = followRuns(runs, wanted, new AbortController().signal);
    const seen = await take(stream, 5);
    expect(seen.filter((each) => each?.startsWith('a'))).toEqual(['a:1', 'a:2', 'a:3']);
    expect(seen.filter((each) => each?.startsWith('b'))).toEqual(['b:11', 'b:12']);
    const next = take(stream, 1);
    runs.tell('b', 13);
    expect(await next).toEqual(['b:13']);
    await stream.return(undefined);
    expect(runs.open).toBe(0);
  });

  it('go on when one of the runs is missing', async () => {
    const runs = new Runs();
    runs.tell('b', 1);
    runs.fail('a', new ContiguaError('run-missing', 'There is no such run'));
    const wanted = ['a', 'b'].map((id) => ({ id, lastEventId: 0 }));
    const stream = followRuns(runs, wanted, new AbortController().signal);
    expect((await take(stream, 2)).toSorted()).toEqual(['a:run-missing', 'b:1']);
    const next = take(stream, 1);
    runs.tell('b', 2);
    expect(await next).toEqual(['b:2']);
    await stream.return(undefined);
  });

  it('end for all when the server fails at one, and let go of every run', async () => {
    const runs = new Runs();
    const wanted = ['a', 'b'].map((id) => ({ id, lastEventId: 0 }));
    const stream = followRuns(runs, wanted, new AbortController().signal);
    const next = stream.next();
    runs.fail('b', new ContiguaError('database-unreachable', 'The database does not answer'));
    await expect(next).rejects.toMatchObject({ code: 'database-unreachable' });
    expect(runs.open).toBe(0);
  });

  it('end when the reader leaves while nothing happens', async () => {
    const runs = new Runs();
    const leave = new AbortController();
    const stream = followRuns(runs, [{ id: 'a', lastEventId: 0 }], leave.signal);
    const next = stream.next();
    leave.abort();
    expect((await next).done).toBe(true);
    expect(runs.open).toBe(0);
  });
});
