/**
 * RunApi over tRPC: queries and mutations in batches, a run's events as server-sent events. A lost stream is taken up
 * again after the last event that came, whoever ended it; errors arrive as the ContiguaErrors that the server threw.
 */
import { createTRPCClient, httpBatchLink, httpSubscriptionLink, isTRPCClientError, splitLink } from '@trpc/client';
import { ContiguaError } from '@/lib/core/errors.ts';
import type { AppRouter } from '@/lib/server/routers/index.ts';
import type { RunApi, RunFollower } from './run-api.ts';

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 5_000;

type Client = ReturnType<typeof clientOf>;

function clientOf(url: string) {
  return createTRPCClient<AppRouter>({
    links: [
      splitLink({
        condition: ({ type }) => type === 'subscription',
        true: httpSubscriptionLink({ url }),
        false: httpBatchLink({ url, maxItems: 20 }),
      }),
    ],
  });
}

export function trpcApi(url: string): RunApi {
  const client = clientOf(url);
  const { runs, server, models } = client;
  return {
    status: () => asked(server.status.query()),
    models: () => asked(models.list.query()),
    // The router's input type is mutable; what the page holds is not. Both are the same JSON.
    estimate: (request) => asked(runs.estimate.mutate(structuredClone(request))),
    create: (request) => asked(runs.create.mutate(structuredClone(request))),
    list: () => asked(runs.list.query()),
    view: (id) => asked(runs.view.query({ id })),
    curve: (id, key) => asked(runs.curve.query({ id, key })),
    pause: (id) => asked(runs.pause.mutate({ id })),
    resume: (id) => asked(runs.resume.mutate({ id })),
    cancel: (id) => asked(runs.cancel.mutate({ id })),
    remove: (id) => asked(runs.remove.mutate({ id })),
    retry: (id, key, afresh) => asked(runs.retry.mutate({ id, key, afresh })),
    addInterval: (id, interval) => asked(runs.addInterval.mutate({ id, interval })),
    trySubset: (id, plugged, fineTuned) => asked(runs.trySubset.mutate({ id, plugged: [...plugged], fineTuned })),
    follow: (id, after, follower) => followRun(client, id, after, follower),
  };
}

async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (thrown) {
    throw asServerError(thrown);
  }
}

/** A server that answers says what is wrong in its own words; anything else means that none did. */
export function asServerError(thrown: unknown): ContiguaError {
  if (thrown instanceof ContiguaError) return thrown;
  const said = isTRPCClientError<AppRouter>(thrown) ? thrown.data?.contigua : undefined;
  if (said) return new ContiguaError(said.code, said.summary, said.details);
  return new ContiguaError('server-unreachable', 'The server does not answer', {
    found: thrown instanceof Error ? thrown.message : String(thrown),
    hint: 'Runs go on without this page as long as the server does. If it was stopped, start it again with npm start.',
  });
}

function followRun(client: Client, id: string, after: number, follower: RunFollower): () => void {
  let last = after;
  let waitMs = FIRST_RETRY_MS;
  let stopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stopStream = () => {};
  const again = () => {
    stopStream();
    if (stopped) return;
    follower.onLost();
    clearTimeout(timer);
    timer = setTimeout(begin, waitMs);
    waitMs = Math.min(2 * waitMs, LONGEST_RETRY_MS);
  };
  const begin = () => {
    let over = false;
    const ends = () => {
      if (over) return;
      over = true;
      again();
    };
    const { unsubscribe } = client.runs.follow.subscribe(
      { id, lastEventId: last },
      {
        onStarted: () => {
          waitMs = FIRST_RETRY_MS;
          if (!stopped) follower.onLive();
        },
        onConnectionStateChange: ({ state, error }) => {
          if (!stopped && !over && state === 'connecting' && error) follower.onLost();
        },
        onData: ({ id: number, data }) => {
          last = Number(number);
          if (!stopped) follower.onEvent(last, data);
        },
        onError: (thrown) => {
          const error = asServerError(thrown);
          if (!REFUSALS.has(error.code)) return ends();
          over = true;
          if (!stopped) follower.onRefused(error);
        },
        // A host that stops ends its streams in good order; the run's events are not over.
        onComplete: ends,
      },
    );
    stopStream = unsubscribe;
  };
  begin();
  return () => {
    stopped = true;
    clearTimeout(timer);
    stopStream();
  };
}

const REFUSALS: ReadonlySet<ContiguaError['code']> = new Set([
  'run-missing',
  'unauthorized',
  'usage',
  'settings-invalid',
]);
