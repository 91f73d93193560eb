/**
 * The page's one line to the compute worker. Calls the user asked for (`ask`) come first: they stop whatever the page
 * measures on its own account (`measureQuietly`: forward times, damage of newly chosen intervals), which is asked again
 * once the worker is free. The worker starts with the first call and never on the server.
 */
import { createStore } from 'zustand/vanilla';
import { startBrowserWorker } from '@/lib/compute/browser-worker.ts';
import type { CallOptions, WorkerClient } from '@/lib/compute/client.ts';
import type { TaskName, Tasks } from '@/lib/compute/protocol.ts';
import { ContiguaError } from '@/lib/core/errors.ts';

/** The calls the user waits for, oldest first. */
export const busyStore = createStore<{ readonly tasks: readonly TaskName[] }>(() => ({ tasks: [] }));

const ANALYSES: readonly TaskName[] = ['analyse', 'analyseTrace', 'estimateAnalysis', 'estimateTrace', 'roomForStates'];

/** A model that is opened meanwhile would wait, and then take the place of the one that is analysed. */
export function isAnalysing({ tasks }: { readonly tasks: readonly TaskName[] }): boolean {
  return tasks.some((task) => ANALYSES.includes(task));
}

let client: WorkerClient | null = null;
let quiet: AbortController | null = null;
let whenLost: (reason: string) => void = () => {};
let whenCrashed: (error: ContiguaError) => void = () => {};
let whenSilent: (silentMs: number | null) => void = () => {};

function worker(): WorkerClient {
  if (!client) {
    client = startBrowserWorker();
    client.onEngineLost((reason) => whenLost(reason));
    client.onCrash((error) => whenCrashed(error));
    client.onSilence((silentMs) => whenSilent(silentMs));
  }
  return client;
}

/** Who hears that the device or the worker is gone, or silent for so long; the engine's owner (engine.ts). */
export function onTrouble(hear: {
  lost(reason: string): void;
  crashed(error: ContiguaError): void;
  silent(silentMs: number | null): void;
}): void {
  whenLost = hear.lost;
  whenCrashed = hear.crashed;
  whenSilent = hear.silent;
}

export async function ask<K extends TaskName>(
  task: K,
  input: Tasks[K]['input'],
  options?: CallOptions<K>,
): Promise<Tasks[K]['result']> {
  quiet?.abort();
  busyStore.setState(({ tasks }) => ({ tasks: [...tasks, task] }));
  try {
    return await worker().call(task, input, options);
  } finally {
    busyStore.setState(({ tasks }) => ({ tasks: tasks.toSpliced(tasks.indexOf(task), 1) }));
  }
}

/** Null when the worker is busy or the call was stopped by one the user asked for. */
export async function measureQuietly<K extends TaskName>(
  task: K,
  input: Tasks[K]['input'],
  onProgress?: CallOptions<K>['onProgress'],
): Promise<Tasks[K]['result'] | null> {
  if (busyStore.getState().tasks.length > 0) return null;
  quiet?.abort();
  const own = new AbortController();
  quiet = own;
  try {
    return await worker().call(task, input, { signal: own.signal, onProgress });
  } catch (thrown) {
    if (thrown instanceof ContiguaError && thrown.code === 'cancelled') return null;
    throw thrown;
  } finally {
    if (quiet === own) quiet = null;
  }
}

/** A fresh worker without engine, model or analysis. */
export function restartWorker(): void {
  worker().restart();
}
