/**
 * The events of several runs from the server, as one stream. A stream that breaks off is taken up after the last event
 * of each run, whoever ended it; what is refused for good is told once.
 */
import { ContiguaError, type ErrorCode } from '@/lib/core/errors.ts';
import type { RunEvent } from '@/lib/core/run/index.ts';

export interface RunPosition {
  readonly run: string;
  /** Number of the last event that is known. */
  readonly after: number;
}

export interface StreamSink {
  onEvent(run: string, id: number, event: RunEvent): void;
  /** The stream flows. */
  onLive(): void;
  /** It does not, for now; it is tried again. */
  onLost(): void;
  /** This run never will be told of: it is gone, or the request is refused. */
  onRefused(run: string, error: ContiguaError): void;
}
/** Opens the stream. Returns how to stop it. */
export type OpenStream = (runs: readonly RunPosition[], sink: StreamSink) => () => void;

/** One connection: `onEnd` comes at most once, without an error where the server ended it in good order. */
export interface Connection {
  onStarted(): void;
  onNews(news: RunNews): void;
  onEnd(error: ContiguaError | null): void;
}
export type RunNews =
  | { readonly run: string; readonly id: number; readonly event: RunEvent }
  | { readonly run: string; readonly refused: Pick<ContiguaError, 'code' | 'summary' | 'details'> };
export type Connect = (runs: readonly RunPosition[], connection: Connection) => () => void;

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 5_000;
const REFUSALS: ReadonlySet<ErrorCode> = new Set(['run-missing', 'unauthorized', 'usage', 'settings-invalid']);

export function streamOver(connect: Connect): OpenStream {
  return (runs, sink) => {
    const positions = new Map(runs.map(({ run, after }) => [run, after]));
    let waitMs = FIRST_RETRY_MS;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let close = () => {};
    let stopped = false;

    const begin = () => {
      let over = false;
      const heard = (then: () => void) => {
        if (!over && !stopped) then();
      };
      const wanted = [...positions].map(([run, after]) => ({ run, after }));
      close = connect(wanted, {
        onStarted: () =>
          heard(() => {
            waitMs = FIRST_RETRY_MS;
            sink.onLive();
          }),
        onNews: (news) => heard(() => tell(news)),
        onEnd: (error) =>
          heard(() => {
            over = true;
            if (error && REFUSALS.has(error.code)) for (const { run } of wanted) refuse(run, error);
            else again();
          }),
      });
    };
    const tell = (news: RunNews) => {
      if ('refused' in news) {
        const { code, summary, details } = news.refused;
        return refuse(news.run, new ContiguaError(code, summary, details));
      }
      positions.set(news.run, news.id);
      sink.onEvent(news.run, news.id, news.event);
    };
    const refuse = (run: string, error: ContiguaError) => {
      if (positions.delete(run)) sink.onRefused(run, error);
    };
    const again = () => {
      close();
      // The sink may stop the stream while it is told.
      sink.onLost();
      if (stopped || positions.size === 0) return;
      timer = setTimeout(begin, waitMs);
      waitMs = Math.min(2 * waitMs, LONGEST_RETRY_MS);
    };
    begin();
    return () => {
      stopped = true;
      clearTimeout(timer);
      close();
    };
  };
}
