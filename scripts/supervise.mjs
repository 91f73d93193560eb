/**
 * Keeps one child process running: starts it, waits until it says that it answers, starts it again when it dies, and ends
 * it. Pauses grow while it keeps dying, so that a child that cannot live does not use up the machine. The web server and
 * the job host are kept by one supervisor each, so the end of one does not touch the other. A child gets an IPC channel:
 * its first message means "ready", and the channel's end tells it that the supervisor is gone, however that ended.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
/** A child that lived this long was well: the next pause is short again. */
const WELL_MS = 60_000;

/**
 * `ready` resolves with the first child's first message and rejects when that child ends before it; the child's own output
 * says why. `output`, where given, receives what the child writes; otherwise it goes to the streams of this process, or
 * of stdout nowhere with `quiet`. `graceMs` is how long a child may take to end after SIGTERM before it is killed.
 */
export function keepRunning({ name, argv, cwd, env, graceMs, say = (text) => console.error(text), output, quiet }) {
  let child = null;
  let timer = null;
  let stopping = false;
  let pause = FIRST_PAUSE_MS;
  let wasReady = false;
  let settle;
  const ready = new Promise((resolve, reject) => {
    settle = { resolve, reject };
  });
  // Whoever waits for it is told; nobody has to.
  ready.catch(() => {});

  function start() {
    timer = null;
    const begun = Date.now();
    const stdio = output
      ? ['ignore', 'pipe', 'pipe', 'ipc']
      : ['ignore', quiet ? 'ignore' : 'inherit', 'inherit', 'ipc'];
    const started = spawn(process.execPath, argv, { cwd, env, stdio });
    child = started;
    if (output) for (const stream of [started.stdout, started.stderr]) stream.setEncoding('utf8').on('data', output);
    started.once('message', () => {
      if (wasReady) say(`The ${name} is back.`);
      wasReady = true;
      settle.resolve();
    });
    let ended = false;
    const end = (reason) => {
      if (ended) return;
      ended = true;
      child = null;
      if (stopping) return;
      if (!wasReady) return settle.reject(new Error(`The ${name} could not start (${reason}).`));
      if (Date.now() - begun > WELL_MS) pause = FIRST_PAUSE_MS;
      say(`The ${name} ended (${reason}); starting it again in ${pause / 1000} s.`);
      timer = setTimeout(start, pause);
      pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
    };
    // A process that could not be made has no exit: too many of them, or no memory.
    started.once('error', (error) => {
      if (started.pid === undefined) end(error.message);
    });
    started.once('exit', (code, signal) => end(signal ?? `exit code ${code}`));
  }

  start();
  return {
    ready,
    /** Of the child that runs now, or null between two. */
    pid: () => child?.pid ?? null,
    /** Ends it: in order, or with `now` at once. Resolves when it is gone. */
    async stop({ now = false } = {}) {
      stopping = true;
      clearTimeout(timer);
      const ending = child;
      if (!ending) return;
      const gone = once(ending, 'exit');
      // Windows ends a process at once whatever the signal: there the end of the channel asks for an orderly end.
      if (!now && process.platform === 'win32' && ending.connected) ending.disconnect();
      else ending.kill(now ? 'SIGKILL' : 'SIGTERM');
      const late = setTimeout(() => ending.kill('SIGKILL'), graceMs);
      await gone;
      clearTimeout(late);
    },
  };
}
