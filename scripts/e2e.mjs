/**
 * Runs the Playwright journeys against a production build served on a free loopback port. Further arguments go to
 * Playwright (`npm run e2e -- choose`). `E2E_BASE_URL` tests a server that already runs, without building.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
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
}
const cli = join('node_modules', '@playwright', 'test', 'cli.js');
const child = spawn(process.execPath, [cli, 'test', '--config', 'e2e/playwright.config.ts', ...process.argv.slice(2)], {
  stdio: 'inherit',
  env,
});
child.on('exit', (code) => process.exit(code ?? 1));
