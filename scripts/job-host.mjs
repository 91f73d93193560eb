/**
 * Keeps one job host running (supervise.mjs). The address and the secret stay the same from one host to the next, so the
 * web server keeps reaching it without being told.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { keepRunning } from './supervise.mjs';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
/** Training stores a checkpoint before it ends, which takes as long as a step and the store take: as in lib/server/host.ts. */
const GRACE_MS = 180_000;

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/**
 * `ready`, `pid` and `stop` are those of supervise.mjs. `env` is what the web server needs to reach the host. `settings`
 * are added to this process' environment for the host, whose output goes where this process' does, or to `output`.
 */
export async function keepJobHost({ say, settings = {}, output } = {}) {
  const port = await freePort();
  const secret = randomBytes(32).toString('hex');
  const kept = keepRunning({
    name: 'job host',
    argv: ['scripts/host.mjs'],
    cwd: ROOT,
    env: {
      ...process.env,
      ...settings,
      CONTIGUA_JOB_PORT: String(port),
      CONTIGUA_JOB_SECRET: secret,
      NODE_ENV: process.env.NODE_ENV ?? 'production',
    },
    graceMs: GRACE_MS,
    say,
    output,
  });
  return { ...kept, env: { CONTIGUA_JOB_HOST: `http://127.0.0.1:${port}`, CONTIGUA_JOB_SECRET: secret } };
}
