/**
 * Runs a command of Next.js in this process and ends with its parent: Next.js itself goes on serving when the process that
 * started it is killed, and keeps the port. Where the command serves, the parent is told once it answers.
 */
import { createRequire } from 'node:module';
import { importCompiled } from './compiled.mjs';

const POLL_MS = 100;
const GRACE_MS = 4_000;

process.on('disconnect', () => process.exit(1));
// Next.js waits for open answers, and those of followed runs never end.
if (process.argv[2] === 'start') process.once('SIGTERM', () => setTimeout(() => process.exit(0), GRACE_MS).unref());

const after = (option) => process.argv[process.argv.indexOf(option) + 1];
if (process.send && process.argv.includes('--port')) void tellWhenUp(after('--hostname'), after('--port'));

// Limits of connections and requests, which Next.js has no options for.
if (process.argv[2] === 'start') (await importCompiled('guard-next')).guardNext(process.env);
// Its command line begins after the script's name.
process.argv[1] = createRequire(import.meta.url).resolve('next/dist/bin/next');
await import('next/dist/bin/next');

async function tellWhenUp(hostname, port) {
  // Any local address means this machine; a particular one is the only one that answers.
  const reached = ['0.0.0.0', '::'].includes(hostname) ? '127.0.0.1' : hostname;
  const url = `http://${reached.includes(':') ? `[${reached}]` : reached}:${port}`;
  const answers = () =>
    fetch(url, { method: 'HEAD' }).then(
      () => true,
      () => false,
    );
  while (!(await answers())) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  process.send({ type: 'ready', url });
}
