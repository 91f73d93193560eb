/**
 * Keeps one job host running: starts it, waits until it answers, starts it again when it dies, and ends it. Pauses grow
 * while it keeps dying, so that a host that cannot live does not take the machine with it. The address and the secret stay
 * the same from one host to the next, so the web process need not hear of it.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
/** A host that lived this long was well: the next pause is short again. */
const WELL_MS = 60_000;
const GRACE_MS = 10_000;

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/**
 * `ready` resolves when the first host answers and rejects when it ends before that; its own output says why.
 * `env` is what the web process needs to reach it. `settings` are added to this process' environment for the host, whose
 * output goes where this process' does, or to `output`.
 */
export async function keepJobHost({ say = (sentence) => console.error(sentence), settings = {}, output } = {}) {
  const port = await freePort();
  const secret = randomBytes(32).toString('hex');
  const env = {
    ...process.env,
    ...settings,
    CONTIGUA_JOB_PORT: String(port),
    CONTIGUA_JOB_SECRET: secret,
    NODE_ENV: process.env.NODE_ENV ?? 'production',
  };
  let child = null;
  let timer = null;
  let stopping = false;
  let pause = FIRST_PAUSE_MS;
  let settle;
  const ready = new Promise((resolve, reject) => {
    settle = { resolve, reject };
  });
  let wasReady = false;

  function start() {
    timer = null;
    const begun = Date.now();
    child = spawn(process.execPath, ['--import', 'tsx', 'lib/server/host.ts'], {
      cwd: ROOT,
      // The channel tells when it is ready; the host ends when its other end is gone.
      stdio: output ? ['ignore', 'pipe', 'pipe', 'ipc'] : ['ignore', 'inherit', 'inherit', 'ipc'],
      env,
    });
    if (output) for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', output);
    child.once('message', () => {
      if (wasReady) say('The job host is back.');
      wasReady = true;
      settle.resolve();
    });
    child.once('error', (error) => settle.reject(error));
    child.once('exit', (code, signal) => {
      child = null;
      if (stopping) return;
      if (!wasReady)
        return settle.reject(new Error(`The job host could not start (${signal ?? `exit code ${code}`}).`));
      if (Date.now() - begun > WELL_MS) pause = FIRST_PAUSE_MS;
      say(`The job host ended (${signal ?? `exit code ${code}`}); starting it again in ${pause / 1000} s.`);
      timer = setTimeout(start, pause);
      pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
    });
  }

  async function stop() {
    stopping = true;
    clearTimeout(timer);
    const ending = child;
    if (!ending) return;
    const ended = once(ending, 'exit');
    ending.kill('SIGTERM');
    const late = setTimeout(() => ending.kill('SIGKILL'), GRACE_MS);
    await ended;
    clearTimeout(late);
  }

  start();
  return {
    env: { CONTIGUA_JOB_HOST: `http://127.0.0.1:${port}`, CONTIGUA_JOB_SECRET: secret },
    ready,
    stop,
    /** Of the host that runs now, or null between two. */
    pid: () => child?.pid ?? null,
  };
}
