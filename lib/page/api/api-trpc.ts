/**
 * RunApi over tRPC: queries and mutations in batches, the events of runs as server-sent events. Errors arrive as the
 * ContiguaErrors that the server threw.
 */
import { createTRPCClient, httpBatchLink, httpSubscriptionLink, isTRPCClientError, splitLink } from '@trpc/client';
import { ContiguaError } from '@/lib/core/errors.ts';
import type { AppRouter } from '@/lib/server/routers/index.ts';
import { settle } from '../browser/notices.ts';
import type { RunApi } from './run-api.ts';
import { type OpenStream, streamOver } from './run-stream.ts';

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

export function trpcApi(url: string, follow: RunApi['follow']): RunApi {
  const client = clientOf(url);
  const { runs, server, models } = client;
  return {
    status: () => asked(server.status.query()),
    models: () => asked(models.list.query()),
    places: () => asked(models.places.query()),
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
    follow,
  };
}

async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    const value = await answer;
    settle('server');
    return value;
  } catch (thrown) {
    const error = asServerError(thrown);
    if (error.code !== 'server-unreachable') settle('server');
    throw error;
  }
}

/** A server that answers says what is wrong in its own words; anything else means that none did. */
export function asServerError(thrown: unknown): ContiguaError {
  if (thrown instanceof ContiguaError) return thrown;
  const said = isTRPCClientError<AppRouter>(thrown) ? thrown.data?.contigua : undefined;
  if (said) return new ContiguaError(said.code, said.summary, said.details);
  return new ContiguaError('server-unreachable', 'The server does not answer', {
    found: thrown instanceof Error ? thrown.message : String(thrown),
    hint: 'Runs continue without this page as long as the server runs. If it was stopped, start it again with npm start.',
  });
}

/** The events of several runs as they come from the server, in one request. */
export function trpcStream(url: string): OpenStream {
  const { runs } = clientOf(url);
  return streamOver((wanted, { onStarted, onNews, onEnd }) => {
    const { unsubscribe } = runs.followSeveral.subscribe(
      { runs: wanted.map(({ run, after }) => ({ id: run, lastEventId: after })) },
      {
        onStarted: () => onStarted(),
        onData: onNews,
        onError: (thrown) => onEnd(asServerError(thrown)),
        // A host that stops ends its streams in good order; the events of a run are not over.
        onComplete: () => onEnd(null),
        // EventSource would connect again by itself, and ask for what it asked for at first.
        onConnectionStateChange: ({ state, error }) => {
          if (state === 'connecting' && error) onEnd(asServerError(error));
        },
      },
    );
    return unsubscribe;
  });
}
