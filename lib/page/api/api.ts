/** The page's one line to the server. The transport is loaded with the first question, not with the page. */
import type { RunApi } from './run-api.ts';

let loaded: Promise<RunApi> | null = null;

export function serverApi(): Promise<RunApi> {
  loaded ??= load(new URL('/api/trpc', window.location.href).href);
  return loaded;
}

async function load(url: string): Promise<RunApi> {
  const [{ trpcApi }, { browserStream }] = await Promise.all([import('./api-trpc.ts'), import('./run-stream-port.ts')]);
  return trpcApi(url, browserStream(url).follow);
}
