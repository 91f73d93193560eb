/**
 * The worker's loop, the same in every host: reads requests from a port, runs them one at a time through the
 * dispatcher, and answers each with exactly one `result` or `error`. Calls queue because they share one device and one
 * memory; a queued call can be cancelled at once, a running one at its next await. Nothing thrown is ever swallowed.
 */
import { ContiguaError } from '../core/errors.ts';
import { turnsTaken } from '../core/pause.ts';
import type { ServerPort } from './port.ts';
import type { Progress, Reply, TaskName, Tasks } from './protocol.ts';
import { toWire, transferablesOf } from './wire.ts';

export interface CallContext<P = unknown> {
  readonly signal: AbortSignal;
  /** Fires where the work should end in order: training stores a checkpoint first. Other work ends as with `signal`. */
  readonly stop?: AbortSignal;
  onProgress(progress: Progress<P>): void;
}
export type TaskRunner = {
  readonly [K in TaskName]: (
    input: Tasks[K]['input'],
    context: CallContext<Tasks[K]['partial']>,
  ) => Promise<Tasks[K]['result']>;
};

/** Bare counts come no faster than this; partial results and the end of a stage always go out. */
const MIN_PROGRESS_GAP_MS = 50;

interface QueuedCall {
  readonly id: number;
  readonly task: string;
  readonly input: unknown;
  readonly abort: AbortController;
  readonly stop: AbortController;
}

export interface ServeOptions {
  /** Milliseconds between two signs of life while a call runs; none by default. */
  readonly aliveEvery?: number;
  /** Hears of each call before it runs. Calls run one at a time, so that the signal is that of whatever happens until the next. */
  readonly onCall?: (signal: AbortSignal) => void;
}

/** Tasks that know how to end in order. */
const STOPPABLE: ReadonlySet<string> = new Set<TaskName>(['distil', 'trainMaps', 'trainModulations', 'fineTune']);

/** Serves `port` until the worker ends. The returned function tells the host that the device is gone. */
export function serve(
  port: ServerPort,
  tasks: TaskRunner,
  { aliveEvery, onCall }: ServeOptions = {},
): { engineLost(reason: string): void } {
  const queue: QueuedCall[] = [];
  let running: QueuedCall | null = null;
  let deviceGone = () => {};

  const reply = (message: Reply, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);
  const fail = (id: number, thrown: unknown) => reply({ type: 'error', id, error: toWire(thrown) });

  async function drain(): Promise<void> {
    if (running) return;
    for (let call = queue.shift(); call; call = queue.shift()) {
      running = call;
      await runCall(call);
      running = null;
    }
  }

  /**
   * An abort answers the call at once, yet the next call waits until the work has let go of the device, except when
   * the device is lost: work on it may never end.
   */
  async function runCall(call: QueuedCall): Promise<void> {
    const { id, abort } = call;
    const alive =
      aliveEvery === undefined
        ? undefined
        : setInterval(() => reply({ type: 'alive', id, turns: turnsTaken() }), aliveEvery);
    const withoutDevice = new Promise<void>((resolve) => {
      deviceGone = resolve;
    });
    onCall?.(abort.signal);
    const work = runTask(
      tasks,
      call,
      throttled((progress) => reply({ type: 'progress', id, progress })),
    );
    // What it throws is answered below, or is the echo of an abort that has been answered.
    const settled = work.then(
      () => undefined,
      () => undefined,
    );
    try {
      send(id, await Promise.race([work, aborted(abort.signal)]));
    } catch (thrown) {
      fail(id, abort.signal.aborted ? abort.signal.reason : thrown);
    }
    await Promise.race([settled, withoutDevice]);
    clearInterval(alive);
  }

  /** A value that cannot be cloned would otherwise leave the caller waiting for ever. */
  function send(id: number, value: unknown): void {
    try {
      reply({ type: 'result', id, value }, transferablesOf(value));
    } catch (thrown) {
      fail(id, thrown);
    }
  }

  function cancel(id: number): void {
    const reason = new ContiguaError('cancelled', 'Stopped');
    const waiting = queue.findIndex((call) => call.id === id);
    if (waiting >= 0) {
      queue.splice(waiting, 1);
      fail(id, reason);
    } else if (running?.id === id) {
      running.abort.abort(reason);
    }
    // Otherwise the call has just been answered: its one reply is on the way.
  }

  /** A call that waits has nothing to finish, nor has one that stores nothing on the way. */
  function stop(id: number): void {
    if (running?.id === id && STOPPABLE.has(running.task)) running.stop.abort();
    else cancel(id);
  }

  port.onMessage((message) => {
    const request = parseRequest(message);
    if (request.type === 'invalid') {
      fail(request.id, new ContiguaError('internal', request.reason));
    } else if (request.type === 'cancel') {
      cancel(request.id);
    } else if (request.type === 'ping') {
      reply({ type: 'pong', id: request.id });
    } else if (request.type === 'stop') {
      stop(request.id);
    } else if (!Object.hasOwn(tasks, request.task)) {
      fail(request.id, new ContiguaError('internal', `The worker knows no task "${request.task}"`));
    } else {
      queue.push({ ...request, abort: new AbortController(), stop: new AbortController() });
      void drain();
    }
  });

  return {
    engineLost(reason) {
      deviceGone();
      running?.abort.abort(new ContiguaError('engine-lost', reason, { hint: 'Start an engine again to go on.' }));
      reply({ type: 'engine-lost', reason });
    },
  };
}

type ParsedRequest =
  | { readonly type: 'call'; readonly id: number; readonly task: string; readonly input: unknown }
  | { readonly type: 'cancel'; readonly id: number }
  | { readonly type: 'ping'; readonly id: number }
  | { readonly type: 'stop'; readonly id: number }
  | { readonly type: 'invalid'; readonly id: number; readonly reason: string };

function parseRequest(message: unknown): ParsedRequest {
  if (typeof message !== 'object' || message === null) return { type: 'invalid', id: -1, reason: 'Not a message' };
  const id = 'id' in message && Number.isInteger(message.id) ? Number(message.id) : -1;
  const type = 'type' in message ? message.type : undefined;
  if (id < 0) return { type: 'invalid', id, reason: 'A message to the worker carries no id' };
  if (type === 'cancel' || type === 'ping' || type === 'stop') return { type, id };
  if (type === 'call' && 'task' in message && typeof message.task === 'string') {
    return { type, id, task: message.task, input: 'input' in message ? message.input : undefined };
  }
  return { type: 'invalid', id, reason: `The worker does not understand a message of type ${JSON.stringify(type)}` };
}

/** Both ends are compiled from the same protocol: the name decides the input's type. */
async function runTask(
  tasks: Readonly<Record<string, (input: never, context: CallContext<never>) => Promise<unknown>>>,
  { task, input, abort, stop }: QueuedCall,
  onProgress: (progress: Progress) => void,
): Promise<unknown> {
  const run = tasks[task];
  if (!run) throw new ContiguaError('internal', `The worker knows no task "${task}"`);
  return await run(input as never, {
    signal: abort.signal,
    stop: stop.signal,
    onProgress: (progress) => {
      if (!abort.signal.aborted) onProgress(progress);
    },
  });
}

/** Never resolves; rejects with the reason once the signal fires, so that work that hangs on a lost device still ends. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

function throttled(send: (progress: Progress) => void): (progress: Progress) => void {
  let lastSentAt = Number.NEGATIVE_INFINITY;
  let lastStage = '';
  return (progress) => {
    const now = performance.now();
    const worthSending =
      progress.partial !== undefined ||
      progress.stage !== lastStage ||
      progress.done >= progress.total ||
      now - lastSentAt >= MIN_PROGRESS_GAP_MS;
    if (!worthSending) return;
    lastSentAt = now;
    lastStage = progress.stage;
    send(progress);
  };
}
