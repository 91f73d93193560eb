/**
 * Runs the Playwright journeys against a production build and its job host, served on a free loopback port, with a data
 * folder of their own that goes when they end. Further arguments go to
 * Playwright (`npm run e2e -- choose`). `E2E_BASE_URL` tests a server that already runs, without building.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { ensureChromium } from './chromium.mjs';

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}

const env = { ...process.env, E2E_CHROMIUM: ensureChromium() };
if (!env.E2E_BASE_URL) {
  if (!process.env.E2E_SKIP_BUILD) {
    const { status } = spawnSync(process.execPath, [join('scripts', 'start.mjs'), '--build-only'], {
      stdio: 'inherit',
    });
    if (status !== 0) process.exit(status ?? 1);
  }
  env.E2E_PORT = String(await freePort());
  env.CONTIGUA_DATA = await mkdtemp(join(tmpdir(), 'contigua-e2e-'));
  // A second root, for a model that is put where the server looks while it runs.
  env.E2E_MODELS = join(env.CONTIGUA_DATA, 'models');
  env.CONTIGUA_MODELS = [`bundled=${join('public', 'models')}`, `added=${env.E2E_MODELS}`].join(delimiter);
}
const cli = join('node_modules', '@playwright', 'test', 'cli.js');
const child = spawn(process.execPath, [cli, 'test', '--config', 'e2e/playwright.config.ts', ...process.argv.slice(2)], {
  stdio: 'inherit',
  env,
});
const [code] = await once(child, 'exit');
if (!env.E2E_BASE_URL) await rm(env.CONTIGUA_DATA, { recursive: true, force: true });
process.exit(code ?? 1);
