/**
 * The host's side of the protocol, the same for a browser Worker, a Node thread and a test port. Every call ends: with
 * its result, its error, `cancelled`, or `worker-crashed` when the worker dies or answers nonsense. After a crash the
 * client stays down until `restart`, because the worker's state (engine, model, analysis) went with it.
 */
import { ContiguaError } from '../core/errors.ts';
import type { ClientPort } from './port.ts';
import type { Progress, Request, TaskName, Tasks, WireError } from './protocol.ts';
import { createWatchdog } from './watchdog.ts';
import { fromWire } from './wire.ts';

export interface CallOptions<K extends TaskName> {
  readonly signal?: AbortSignal;
  /** Ends the call in order where the task can (see protocol.ts), else as `signal` does. */
  readonly stop?: AbortSignal;
  /** A sign of life, from workers that give any: how often the work has paused so far. */
  onAlive?(turns: number): void;
  onProgress?(progress: Progress<Tasks[K]['partial']>): void;
}

export interface WorkerClient {
  call<K extends TaskName>(task: K, input: Tasks[K]['input'], options?: CallOptions<K>): Promise<Tasks[K]['result']>;
  /** The device went away: every call but `startEngine` fails until then. Returns how to stop listening. */
  onEngineLost(listener: (reason: string) => void): () => void;
  onCrash(listener: (error: ContiguaError) => void): () => void;
  /** How long the worker has been silent while a call waits; null once it is not. Only for a client that watches. */
  onSilence(listener: (silentMs: number | null) => void): () => void;
  /** A fresh worker; whatever the old one still owed is rejected. */
  restart(): void;
  close(): void;
}

/** How long a worker may take to answer a `cancel` before the caller is told `cancelled` without it. */
const CANCEL_GRACE_MS = 2000;

interface PendingCall {
  resolve(value: unknown): void;
  reject(error: ContiguaError): void;
  onProgress(progress: Progress): void;
  onAlive(turns: number): void;
}

/** `watches`: asks the worker for a sign of life while a call waits, for workers whose end nobody is told of. */
export function createWorkerClient(connect: () => ClientPort, { watches = false } = {}): WorkerClient {
  const lostListeners = new Set<(reason: string) => void>();
  const crashListeners = new Set<(error: ContiguaError) => void>();
  const silenceListeners = new Set<(silentMs: number | null) => void>();
  const pending = new Map<number, PendingCall>();
  let nextId = 0;
  const watchdog = createWatchdog(
    () => port?.postMessage({ type: 'ping', id: nextId++ }),
    (silentMs) => {
      for (const listener of silenceListeners) listener(silentMs);
    },
  );
  let port: ClientPort | null = open();
  let downReason = '';

  function open(): ClientPort {
    const opened = connect();
    // A port that was replaced may still deliver: only the one in use is heard.
    opened.onMessage((message) => {
      if (port === opened) receive(message);
    });
    opened.onCrash((reason) => {
      if (port === opened) crash(reason);
    });
    return opened;
  }

  function watch(): void {
    if (watches) watchdog.watch(pending.size > 0);
  }

  function receive(message: unknown): void {
    watchdog.heard();
    const reply = parseReply(message);
    if (reply === null) {
      crash('the worker sent an answer that belongs to no call');
    } else if (reply.type === 'engine-lost') {
      for (const listener of lostListeners) listener(reply.reason);
    } else if (reply.type === 'pong') {
      // That it came is all it says.
    } else if (reply.type === 'progress') {
      pending.get(reply.id)?.onProgress(reply.progress);
    } else if (reply.type === 'alive') {
      pending.get(reply.id)?.onAlive(reply.turns);
    } else if (reply.type === 'error' && reply.id < 0) {
      crash(`the worker could not read a message: ${reply.error.summary}`);
    } else {
      // An answer after `CANCEL_GRACE_MS` finds no caller any more, which is why it is not a breach.
      const call = pending.get(reply.id);
      pending.delete(reply.id);
      watch();
      if (reply.type === 'result') call?.resolve(reply.value);
      else call?.reject(fromWire(reply.error));
    }
  }

  function crash(reason: string): void {
    const error = shutDown(reason);
    for (const listener of crashListeners) listener(error);
  }

  function shutDown(reason: string): ContiguaError {
    port?.close();
    port = null;
    downReason = reason;
    const error = crashed(reason);
    const calls = [...pending.values()];
    pending.clear();
    watchdog.forget();
    for (const call of calls) call.reject(error);
    return error;
  }

  return {
    call(task, input, { signal, stop: ending, onProgress, onAlive } = {}) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted || ending?.aborted) return reject(cancelled());
        if (port === null) return reject(crashed(downReason));
        const id = nextId++;
        const stop = () => {
          port?.postMessage({ type: 'cancel', id });
          graceTimer = setTimeout(() => {
            if (pending.delete(id)) settle(() => reject(cancelled()));
            watch();
          }, CANCEL_GRACE_MS);
        };
        const end = () => port?.postMessage({ type: 'stop', id });
        let graceTimer: ReturnType<typeof setTimeout> | undefined;
        const settle = (finish: () => void) => {
          clearTimeout(graceTimer);
          signal?.removeEventListener('abort', stop);
          ending?.removeEventListener('abort', end);
          finish();
        };
        pending.set(id, {
          resolve: (value) => settle(() => resolve(value as Tasks[typeof task]['result'])),
          reject: (error) => settle(() => reject(error)),
          onProgress: (progress) => onProgress?.(progress as Progress<Tasks[typeof task]['partial']>),
          onAlive: (turns) => onAlive?.(turns),
        });
        ending?.addEventListener('abort', end, { once: true });
        signal?.addEventListener('abort', stop, { once: true });
        watch();
        try {
          port.postMessage({ type: 'call', id, task, input } as Request);
        } catch (thrown) {
          // An input that cannot be cloned never left: the call fails alone.
          pending.delete(id);
          watch();
          const reason = thrown instanceof Error ? thrown.message : String(thrown);
          settle(() => reject(new ContiguaError('internal', `The input of "${task}" cannot be sent: ${reason}`)));
        }
      });
    },
    onEngineLost(listener) {
      lostListeners.add(listener);
      return () => lostListeners.delete(listener);
    },
    onCrash(listener) {
      crashListeners.add(listener);
      return () => crashListeners.delete(listener);
    },
    onSilence(listener) {
      silenceListeners.add(listener);
      return () => silenceListeners.delete(listener);
    },
    restart() {
      shutDown('it was restarted');
      port = open();
    },
    close() {
      shutDown('it was closed');
    },
  };
}

function crashed(reason: string): ContiguaError {
  return new ContiguaError('worker-crashed', `The compute worker stopped: ${reason}`, {
    hint: 'Restart it and open the model again; nothing already shown is lost.',
  });
}

function cancelled(): ContiguaError {
  return new ContiguaError('cancelled', 'Stopped');
}

type ParsedReply =
  | { readonly type: 'progress'; readonly id: number; readonly progress: Progress }
  | { readonly type: 'result'; readonly id: number; readonly value: unknown }
  | { readonly type: 'error'; readonly id: number; readonly error: WireError }
  | { readonly type: 'pong' }
  | { readonly type: 'alive'; readonly id: number; readonly turns: number }
  | { readonly type: 'engine-lost'; readonly reason: string };

/** Null for anything the protocol does not know. The values inside are the worker's own: one build, one protocol. */
function parseReply(message: unknown): ParsedReply | null {
  if (typeof message !== 'object' || message === null || !('type' in message)) return null;
  if (message.type === 'engine-lost' && 'reason' in message)
    return { type: 'engine-lost', reason: String(message.reason) };
  if (!('id' in message) || !Number.isInteger(message.id)) return null;
  const id = Number(message.id);
  if (message.type === 'pong') return { type: 'pong' };
  if (message.type === 'progress' && 'progress' in message && isProgress(message.progress)) {
    return { type: 'progress', id, progress: message.progress };
  }
  if (message.type === 'alive' && 'turns' in message) return { type: 'alive', id, turns: Number(message.turns) };
  if (message.type === 'result' && 'value' in message) return { type: 'result', id, value: message.value };
  if (message.type === 'error' && 'error' in message && isWireError(message.error)) {
    return { type: 'error', id, error: message.error };
  }
  return null;
}

function isProgress(value: unknown): value is Progress {
  return typeof value === 'object' && value !== null && 'stage' in value && 'done' in value && 'total' in value;
}

function isWireError(value: unknown): value is WireError {
  return typeof value === 'object' && value !== null && 'code' in value && 'summary' in value && 'details' in value;
}
