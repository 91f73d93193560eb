/** The page's one line to the server. The transport is loaded with the first question, not with the page. */
import type { RunApi } from './run-api.ts';

let loaded: Promise<RunApi> | null = null;

export function serverApi(): Promise<RunApi> {
  loaded ??= import('./api-trpc.ts').then(({ trpcApi }) => trpcApi(new URL('/api/trpc', window.location.href).href));
  return loaded;
}
