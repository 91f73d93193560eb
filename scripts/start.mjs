/**
 * `npm start`: builds when there is no build or a source file is newer than it, then keeps the web server and the job host
 * running side by side (supervise.mjs) and prints the address. PORT asks for a port (3000 unless given); when it is taken,
 * the next free one is used. `--host ADDRESS` (or CONTIGUA_HOST) listens beyond loopback, which needs CONTIGUA_TOKEN.
 * `--dev` serves sources as they change, `--no-build` the build that is there; `--build-only` ends where serving would
 * begin.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { importCompiled } from './compiled.mjs';
import { keepJobHost } from './job-host.mjs';
import { keepRunning } from './supervise.mjs';

const { accessPolicy } = await importCompiled('access');
const { onEndSignal } = await importCompiled('end-signals');

/** The web server waits for open answers, and those of followed runs never end. */
const WEB_GRACE_MS = 5_000;
const ROOT = fileURLToPath(new URL('../', import.meta.url));
const NEXT = 'scripts/next.mjs';
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

/** What runs now, each with a `stop`. */
const running = new Set();
let isStopping = false;
let tellStopped;
/** Resolves when a signal came and everything that ran has ended. */
const stopped = new Promise((resolve) => {
  tellStopped = resolve;
});
onEndSignal(['SIGINT', 'SIGTERM', 'SIGHUP'], stopInOrder, () => stopAll({ now: true }).then(tellStopped));

function stopInOrder() {
  isStopping = true;
  setTimeout(() => {
    console.log('Waiting for training to store its checkpoints … (Ctrl-C again ends at once)');
  }, WEB_GRACE_MS).unref();
  void stopAll().then(tellStopped);
}

async function stopAll({ now = false } = {}) {
  await Promise.all([...running].map((one) => one.stop({ now })));
}

function nextEnv(added = {}) {
  // Nothing leaves this machine: no usage statistics either.
  return { ...process.env, ...added, NEXT_TELEMETRY_DISABLED: '1' };
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

/** 0 where there is a build of the present sources now. */
async function build() {
  if (!(await needsBuild())) return 0;
  console.log('Building Contigua …');
  const stdio = ['inherit', 'inherit', 'inherit', 'ipc'];
  const child = spawn(process.execPath, [NEXT, 'build'], { cwd: ROOT, stdio, env: nextEnv() });
  const building = { stop: async () => void child.kill('SIGTERM') };
  running.add(building);
  const [code] = await once(child, 'exit');
  running.delete(building);
  return code ?? 1;
}

/** What follows a word of the command line. */
function option(name) {
  const at = process.argv.indexOf(name);
  if (at < 0) return null;
  const value = process.argv[at + 1];
  if (value === undefined || value.startsWith('--')) throw new Error(`${name} needs a value.`);
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
    if (isStopping) return 0;
    if (built !== 0) return built;
  }
  const port = await freePort(wanted, address);
  const host = await keepJobHost();
  const web = keepRunning({
    name: 'web server',
    argv: [NEXT, development ? 'dev' : 'start', '--hostname', address, '--port', String(port)],
    cwd: ROOT,
    env: nextEnv(host.env),
    graceMs: WEB_GRACE_MS,
    quiet: !development,
  });
  running.add(host).add(web);
  if (isStopping) await stopAll().then(tellStopped);
  const ready = Promise.all([host.ready, web.ready]);
  await Promise.race([ready, stopped]).catch(async (error) => {
    await stopAll();
    throw error;
  });
  if (!isStopping) {
    const reached = ['0.0.0.0', '::'].includes(address) ? '127.0.0.1' : address;
    const url = `http://${reached.includes(':') ? `[${reached}]` : reached}:${port}`;
    console.log(`Contigua is ready: ${url}   (Ctrl-C stops it)`);
    if (policy.token !== null)
      console.log('The page asks for CONTIGUA_TOKEN once; ?token=… in the address works as well.');
  }
  await stopped;
  return 0;
}

main().then(
  (code) => process.exit(code),
  (error) => {
    console.error(error.message);
    process.exit(1);
  },
);
