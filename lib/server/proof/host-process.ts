/**
 * Starts a host of the backend as a process that can be killed, calls it as if it were here, and keeps every event that
 * it told: what was told was acknowledged, and has to be there, the same, after whatever is done to it.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { ContiguaError } from '../../core/errors.ts';
import type { Backend, NumberedEvent } from '../backend.ts';
import type { Timing } from '../runs/context.ts';
import { compiledHost } from './compiled-host.ts';

export interface HostOptions {
  readonly env: Readonly<Record<string, string>>;
  /** Environment of fake compute processes; null for real ones. */
  readonly fake: Readonly<Record<string, string>> | null;
  readonly models?: string;
  /** Folder of the artifacts where it is not the host's own. */
  readonly artifacts?: string;
  readonly realTiming?: boolean;
  /** Durations of the machinery that are not those of `SHORT`, or the real ones. */
  readonly timing?: Partial<Timing>;
}

export type RemoteBackend = Pick<
  Backend,
  | 'createRun'
  | 'viewRun'
  | 'pauseRun'
  | 'resumeRun'
  | 'cancelRun'
  | 'retryJob'
  | 'trySubset'
  | 'curve'
  | 'status'
  | 'close'
> & {
  openTrained(id: string, key: string): Promise<{ readonly sha256: string }>;
  computePids(): Promise<readonly number[]>;
};

export interface HostProcess extends RemoteBackend {
  readonly pid: number;
  readonly sentences: readonly string[];
  /** Adds the run's events after the last of `into` to it, as they are told, until the process ends. */
  follow(run: string, into: NumberedEvent[]): Promise<void>;
  /** `kill -9`, and its end. */
  kill(): Promise<void>;
  /** SIGTERM, and its end in order. */
  terminate(): Promise<void>;
}

/** Rejects with the error that the host refused to start with. */
export async function startHost(options: HostOptions): Promise<HostProcess> {
  const {
    env,
    fake,
    models = resolve('public', 'models'),
    artifacts = null,
    realTiming = false,
    timing = {},
  } = options;
  const child = fork(await compiledHost(), [], {
    // Stack traces name lines of the TypeScript sources.
    execArgv: ['--enable-source-maps'],
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, PROOF: JSON.stringify({ env, fake, models, artifacts, realTiming, timing }) },
  });
  const sentences: string[] = [];
  const pending = new Map<number, { resolve(value: never): void; reject(error: Error): void }>();
  const following = new Map<string, NumberedEvent[]>();
  let next = 0;
  const ready = new Promise<void>((go, refuse) => {
    child.on('message', (message: ProofMessage) => {
      if (message.ready) go();
      if (message.refused) refuse(new ContiguaError(message.refused.code, message.refused.message));
      if (message.sentence) sentences.push(message.sentence);
      if (message.event && message.run) following.get(message.run)?.push(message.event);
      if (message.id === undefined) return;
      const call = pending.get(message.id);
      pending.delete(message.id);
      if (message.error) {
        call?.reject(new ContiguaError(message.error.code, message.error.summary, message.error.details));
      } else call?.resolve(message.value as never);
    });
    child.on('exit', (code, signal) => {
      const error = new Error(`the host ended (${signal ?? code})`);
      refuse(error);
      for (const call of pending.values()) call.reject(error);
      pending.clear();
    });
  });
  const call = <T>(method: string, ...args: unknown[]): Promise<T> =>
    new Promise((resolve, reject) => {
      if (!child.connected) return reject(new Error('the host has ended'));
      const id = next++;
      pending.set(id, { resolve, reject });
      child.send({ id, method, args });
    });
  await ready;
  return {
    pid: child.pid ?? 0,
    sentences,
    createRun: (request) => call('createRun', request),
    viewRun: (id) => call('viewRun', id),
    pauseRun: (id) => call('pauseRun', id),
    resumeRun: (id) => call('resumeRun', id),
    cancelRun: (id) => call('cancelRun', id),
    retryJob: (id, key, afresh) => call('retryJob', id, key, afresh),
    trySubset: (id, plugged, fineTuned) => call('trySubset', id, plugged, fineTuned),
    curve: (id, key) => call('curve', id, key),
    status: () => call('status'),
    openTrained: (id, key) => call('openTrained', id, key),
    computePids: () => call('computePids'),
    async close() {
      const gone = ended(child);
      await call('close').catch(() => {});
      await gone;
    },
    async follow(run, into) {
      following.set(run, into);
      await call('follow', run, into.at(-1)?.id ?? 0);
    },
    async kill() {
      const gone = ended(child);
      child.kill('SIGKILL');
      await gone;
    },
    async terminate() {
      const gone = ended(child);
      child.kill('SIGTERM');
      await gone;
    },
  };
}

interface ProofMessage {
  readonly ready?: true;
  readonly refused?: { readonly code: ContiguaError['code']; readonly message: string };
  readonly sentence?: string;
  readonly run?: string;
  readonly event?: NumberedEvent;
  readonly id?: number;
  readonly value?: unknown;
  readonly error?: Pick<ContiguaError, 'code' | 'summary' | 'details'>;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}
