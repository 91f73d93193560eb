/**
 * The events of several runs in one stream: a browser has six connections to a host for all its tabs together, so its
 * tabs share one. A run that is missing is told and ends nothing; any other failure ends the stream, and the caller
 * asks again from the numbers that it has.
 */
import { asContiguaError } from '../../core/errors.ts';
import type { RunEvent } from '../../core/run/index.ts';
import type { Backend } from '../backend.ts';
import type { ErrorInJson } from './trpc.ts';

/** An address holds the list: 64 ids of the longest kind stay under 10 kB. */
export const MOST_FOLLOWED = 64;

export interface RunPosition {
  readonly id: string;
  readonly lastEventId: number;
}
export type RunNews =
  | { readonly run: string; readonly id: number; readonly event: RunEvent }
  | { readonly run: string; readonly refused: ErrorInJson };

export async function* followRuns(
  backend: Pick<Backend, 'follow'>,
  runs: readonly RunPosition[],
  signal: AbortSignal,
): AsyncGenerator<RunNews> {
  const left = new AbortController();
  const ended = AbortSignal.any([signal, left.signal]);
  // At most one entry per run: a run is read on once its last event has been taken.
  const waiting: { readonly news: RunNews; taken(): void }[] = [];
  let failure: { readonly thrown: unknown } | null = null;
  let open = runs.length;
  let wake = () => {};

  const read = async ({ id: run, lastEventId }: RunPosition): Promise<void> => {
    const tell = (news: RunNews) =>
      new Promise<void>((taken) => {
        waiting.push({ news, taken });
        wake();
      });
    try {
      for await (const { id, event } of backend.follow(run, lastEventId, ended)) {
        if (ended.aborted) return;
        await tell({ run, id, event });
      }
    } catch (thrown) {
      const { code, summary, details } = asContiguaError(thrown);
      if (code !== 'run-missing') failure ??= { thrown };
      else if (!ended.aborted) await tell({ run, refused: { code, summary, details } });
    } finally {
      open--;
      wake();
    }
  };

  const readers = runs.map(read);
  try {
    for (;;) {
      if (failure) throw (failure as { readonly thrown: unknown }).thrown;
      const next = waiting.shift();
      if (next) {
        try {
          yield next.news;
        } finally {
          next.taken();
        }
      } else if (open === 0) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    left.abort();
    for (const { taken } of waiting) taken();
    await Promise.allSettled(readers);
  }
}
