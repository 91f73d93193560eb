/**
 * Ends this process when its parent has gone. The IPC channel says so at once, but only between two turns of the event
 * loop: a thread that sleeps most of the time looks as well. It is killed, since an orderly exit waits for the thread that
 * computes, and native work may keep that busy for minutes.
 */
import { Worker } from 'node:worker_threads';

const LOOK_EVERY_MS = 500;

/** Plain JavaScript: threads do not inherit the TypeScript loader. Orphans are given another parent. */
const WATCH = `
  const { workerData } = require('node:worker_threads');
  setInterval(() => {
    if (process.ppid !== workerData) process.kill(process.pid, 'SIGKILL');
  }, ${LOOK_EVERY_MS});
`;

function kill(): void {
  process.kill(process.pid, 'SIGKILL');
}

export function endWithParent(parent: number): void {
  process.on('disconnect', kill);
  if (!process.connected) kill();
  new Worker(WATCH, { eval: true, workerData: parent }).unref();
}
