/**
 * `npm start`: builds when there is no build or a source file is newer than it, then starts the web server and the job
 * host together and prints the address. PORT asks for a port (3000 unless given); when it is taken, the next free one is
 * used. `--host ADDRESS` (or CONTIGUA_HOST) listens beyond loopback, which needs CONTIGUA_TOKEN. `--dev` serves sources
 * as they change, `--no-build` the build that is there; `--build-only` ends where serving would begin.
 */
import { spawn } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { register } from 'tsx/esm/api';
import { keepJobHost } from './job-host.mjs';

register();
const { accessPolicy } = await import('../lib/server/http/access.ts');

const GRACE_MS = 5_000;
const ROOT = fileURLToPath(new URL('../', import.meta.url));
const NEXT = createRequire(import.meta.url).resolve('next/dist/bin/next');
/** What a build depends on; public/ is served as it lies, but Next lists its files when it builds. */
const SOURCES = ['app', 'components', 'lib', 'workers', 'public', 'next.config.mjs', 'proxy.ts', 'package-lock.json'];

async function newestChange(path) {
  const info = await stat(path).catch(() => null);
  if (!info) return 0;
  if (!info.isDirectory()) return info.mtimeMs;
  const entries = await readdir(path, { withFileTypes: true });
  const changes = await Promise.all(
    // Written by the build itself.
    entries.filter((entry) => entry.name !== 'engines').map((entry) => newestChange(join(path, entry.name))),
  );
  return Math.max(0, ...changes);
}

async function needsBuild() {
  const built = await newestChange(join(ROOT, '.next', 'BUILD_ID'));
  const changed = await Promise.all(SOURCES.map((source) => newestChange(join(ROOT, source))));
  return built === 0 || Math.max(...changed) > built;
}

/** The Next process and the job host that run now; they get the signals that this one gets. */
let child = null;
let host = null;
let stopping = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);

function stop() {
  if (stopping) return;
  stopping = true;
  void host?.stop();
  const ending = child;
  ending?.kill('SIGTERM');
  // It waits for open answers, and those of followed runs never end.
  setTimeout(() => ending?.kill('SIGKILL'), GRACE_MS).unref();
}

/** Resolves with the exit code, or the signal's name. */
function run(argv, stdio, added = {}) {
  // Nothing leaves this machine: no usage statistics either.
  const env = { ...process.env, ...added, NEXT_TELEMETRY_DISABLED: '1' };
  const next = spawn(process.execPath, [NEXT, ...argv], { cwd: ROOT, stdio, env });
  child = next;
  return new Promise((resolve, reject) => {
    next.once('error', reject);
    next.once('exit', (code, signal) => resolve(code ?? signal));
  });
}

function isFree(port, address) {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, address, () => probe.close(() => resolve(true)));
  });
}

async function freePort(wanted, address) {
  for (let port = wanted; port < wanted + 50; port++) if (await isFree(port, address)) return port;
  throw new Error(`No free port between ${wanted} and ${wanted + 49}; set PORT.`);
}

function wantedPort() {
  const given = process.env.PORT;
  if (given === undefined || given === '') return 3000;
  const port = Number(given);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new Error(`PORT is "${given}"; expected a number from 1 to 65535.`);
  }
  return port;
}

async function waitUntilUp(url, stillRunning) {
  while (stillRunning()) {
    const up = await fetch(url, { method: 'HEAD' }).then(
      () => true,
      () => false,
    );
    if (up) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}

/** 0 where there is a build of the present sources now. */
async function build() {
  if (!(await needsBuild())) return 0;
  console.log('Building Contigua …');
  const code = await run(['build'], 'inherit');
  return typeof code === 'number' ? code : 1;
}

/** What follows a word of the command line. */
function option(name) {
  const at = process.argv.indexOf(name);
  if (at < 0) return null;
  const value = process.argv[at + 1];
  if (value === undefined || value.startsWith('--')) throw new Error(`${name} wants a value.`);
  return value;
}

async function main() {
  if (process.argv.includes('--build-only')) return await build();
  const wanted = wantedPort();
  process.env.CONTIGUA_HOST = option('--host') ?? process.env.CONTIGUA_HOST ?? '';
  const policy = accessPolicy(process.env);
  const address = process.env.CONTIGUA_HOST || '127.0.0.1';
  const development = process.argv.includes('--dev');
  if (!development && !process.argv.includes('--no-build')) {
    const built = await build();
    if (stopping) return 0;
    if (built !== 0) return built;
  }
  const port = await freePort(wanted, address);
  host = await keepJobHost();
  if (stopping) return await host.stop().then(() => 0);

  let running = true;
  const argv = [development ? 'dev' : 'start', '--hostname', address, '--port', String(port)];
  const stdio = development ? 'inherit' : ['ignore', 'ignore', 'inherit'];
  const exited = run(argv, stdio, host.env).finally(() => {
    running = false;
  });
  let failure = null;
  const hostReady = host.ready.then(
    () => true,
    (error) => {
      failure = error;
      stop();
      return false;
    },
  );

  const reached = ['0.0.0.0', '::'].includes(address) ? '127.0.0.1' : address;
  const url = `http://${reached.includes(':') ? `[${reached}]` : reached}:${port}`;
  const webReady = await waitUntilUp(url, () => running);
  if (webReady && (await Promise.race([hostReady, exited.then(() => false)]))) {
    console.log(`Contigua is ready: ${url}   (Ctrl-C stops it)`);
    if (policy.token !== null)
      console.log('It asks for CONTIGUA_TOKEN once; ?token=… in the address gives it as well.');
  }
  const code = await exited;
  const asked = stopping;
  stopping = true;
  await host.stop();
  if (failure) throw failure;
  if (asked) return 0;
  console.error(`The server ended by itself (${code}).`);
  return typeof code === 'number' && code !== 0 ? code : 1;
}

main().then(
  (code) => process.exit(code),
  (error) => {
    console.error(error.message);
    process.exit(1);
  },
);
