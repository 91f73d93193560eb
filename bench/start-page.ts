/** The page on a free port, from a production build that is made first; or one that runs already. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';

export interface ServedPage {
  readonly url: string;
  close(): void;
}

/** With `build: false` an earlier build is served. */
export async function startPage(url?: string, { build = true } = {}): Promise<ServedPage> {
  if (url) return { url, close() {} };
  if (build) {
    const built = spawnSync(process.execPath, ['scripts/start.mjs', '--build-only'], { stdio: 'inherit' });
    if (built.status !== 0) throw new Error('The page was not built');
  }
  const port = await freePort();
  const own = `http://127.0.0.1:${port}`;
  const server = spawn(process.execPath, [
    'node_modules/next/dist/bin/next',
    'start',
    '--hostname',
    '127.0.0.1',
    '--port',
    `${port}`,
  ]);
  for (let tries = 0; tries < 300 && !(await fetch(own).catch(() => null)); tries++) {
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return { url: own, close: () => void server.kill('SIGTERM') };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (!address || typeof address === 'string') throw new Error('No port');
  return address.port;
}
