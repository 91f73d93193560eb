/** A backend of plain memory and a way to knock at the API's door with any headers, for tests alone. */
import { once } from 'node:events';
import { request as requestHttp, type Server } from 'node:http';
import { connect } from 'node:net';
import { DEFAULT_DETECTION } from '../core/detection/index.ts';
import { runEdits, runsOf } from '../core/edit/index.ts';
import { ContiguaError } from '../core/errors.ts';
import type { BlockInterval } from '../core/interval/index.ts';
import { buildPlan } from '../core/plan/index.ts';
import { DEFAULT_CACHE_BYTES, DEFAULT_DISTIL, type RunEvent, type RunView, type StepPoint } from '../core/run/index.ts';
import type { Backend, NumberedEvent, RunRequest, TrainedWeights } from './backend.ts';

const MODEL = {
  name: 'tiny',
  fingerprint: `sha256:${'ab'.repeat(32)}`,
  className: 'QwenImageTransformer2DModel',
  family: 'qwen-image',
  numBlocks: 6,
  streams: [
    { id: 'image', label: 'image' },
    { id: 'text', label: 'text' },
  ],
  stacks: [{ id: 'blocks', label: 'blocks', first: 0, last: 5 }],
  width: 64,
  blocks: Array.from({ length: 6 }, () => ({ parameters: 1000, updates: ['image', 'text'] })),
  globalParameters: 500,
};

export function exampleRequest(intervals: readonly BlockInterval[] = [{ first: 1, last: 3 }]): RunRequest {
  return {
    name: 'Night run',
    modelId: 'bundled/tiny',
    plan: buildPlan({
      model: MODEL,
      report: null,
      edits: runEdits(intervals, 'nothing'),
      detection: DEFAULT_DETECTION,
    }),
    settings: {
      data: { kind: 'shapes' },
      distil: DEFAULT_DISTIL,
      fineTune: null,
      engine: 'auto',
      cacheBytes: DEFAULT_CACHE_BYTES,
    },
  };
}

export function exampleView(change: Partial<RunView> = {}): RunView {
  const { plan, settings } = exampleRequest();
  return {
    id: '7',
    name: 'Night run',
    createdAt: '2026-11-23T06:00:00.000Z',
    state: 'running',
    model: {
      name: MODEL.name,
      fingerprint: MODEL.fingerprint,
      numBlocks: MODEL.numBlocks,
      parameters: 6500,
      costs: {
        blockParameters: new Array(6).fill(1000),
        flopsPerForward: 100,
        flopsPerBlock: new Array(6).fill(10),
      },
      drawable: false,
    },
    plan: { ...plan, edits: runsOf(plan.edits) },
    settings,
    jobs: [],
    subsets: [],
    lastEventId: 0,
    ...change,
  };
}

/** Remembers what it was asked; fails where `failure` is set. */
export class MemoryBackend implements Backend {
  readonly calls: unknown[][] = [];
  readonly events: RunEvent[] = [];
  readonly trained = new Map<string, TrainedWeights>();
  readonly curves = new Map<string, readonly StepPoint[]>();
  view = exampleView();
  failure: Error | null = null;
  teacher = '';
  followers = 0;
  private wake: (() => void)[] = [];

  say(event: RunEvent): void {
    this.events.push(event);
    for (const wake of this.wake.splice(0)) wake();
  }

  private async answer<T>(call: readonly unknown[], value: T): Promise<T> {
    this.calls.push([...call]);
    if (this.failure) throw this.failure;
    return value;
  }

  models = () => this.answer(['models'], []);
  modelPlaces = () => this.answer(['modelPlaces'], { roots: [], depth: 4, leftOut: [] });
  status = () =>
    this.answer(['status'], { database: 'memory', artifacts: 'memory', workers: [], queued: 0, freeDiskBytes: 1 });
  estimate = (request: RunRequest) =>
    this.answer(['estimate', request], {
      seconds: 1,
      memoryBytes: 2,
      diskBytes: 3,
      teacher: { windowBatches: 1, windows: 1, wantedBytes: 3, keptBytes: 3, dtype: 'f32' as const, readBytes: 0 },
      basis: 'a guess',
    });
  createRun = (request: RunRequest) => this.answer(['createRun', request], '7');
  listRuns = () => this.answer(['listRuns'], []);
  viewRun = (id: string) => this.answer(['viewRun', id], this.known(id));
  pauseRun = (id: string) => this.answer(['pauseRun', id], undefined);
  resumeRun = (id: string) => this.answer(['resumeRun', id], undefined);
  cancelRun = (id: string) => this.answer(['cancelRun', id], undefined);
  deleteRun = (id: string) => this.answer(['deleteRun', id], undefined);
  retryJob = (id: string, key: string, afresh: boolean) => this.answer(['retryJob', id, key, afresh], undefined);
  addInterval = (id: string, interval: BlockInterval) => this.answer(['addInterval', id, interval], undefined);
  trySubset = (id: string, plugged: readonly string[], fineTuned: boolean) =>
    this.answer(['trySubset', id, plugged, fineTuned], undefined);
  curve = (id: string, key: string) => this.answer(['curve', id, key], this.curves.get(key) ?? []);
  teacherFolder = (id: string) => this.answer(['teacherFolder', id], this.teacher);

  async openTrained(id: string, key: string): Promise<TrainedWeights> {
    const found = this.trained.get(key);
    if (found) return await this.answer(['openTrained', id, key], found);
    throw new ContiguaError('run-conflict', 'This job is not done', { found: key });
  }

  async *follow(id: string, after: number, signal: AbortSignal): AsyncGenerator<NumberedEvent> {
    await this.answer(['follow', id, after], undefined);
    this.followers++;
    try {
      for (let next = after + 1; !signal.aborted; ) {
        const event = this.events[next - 1];
        if (event) yield { id: next++, event };
        else {
          await new Promise<void>((resolve) => {
            this.wake.push(resolve);
            signal.addEventListener('abort', () => resolve(), { once: true });
          });
        }
      }
    } finally {
      this.followers--;
    }
  }

  async close(): Promise<void> {}

  private known(id: string): RunView {
    if (id === this.view.id) return this.view;
    throw new ContiguaError('run-missing', 'There is no such run', { found: id });
  }
}

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly bytes: Buffer;
  readonly text: string;
  /** The answer broke off before its end. */
  readonly cut: boolean;
}

export interface Question {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Goes away after so many bytes of the answer. */
  readonly leaveAfter?: number;
}

/** One request with exactly these headers, to a server or an address. */
export async function ask(server: Server | string, path: string, question: Question = {}): Promise<Reply> {
  const { method = 'GET', headers = {}, body, leaveAfter = Number.POSITIVE_INFINITY } = question;
  return await new Promise((resolve, reject) => {
    const outgoing = requestHttp(`${addressOf(server)}${path}`, { method, headers, agent: false }, (answer) => {
      const parts: Buffer[] = [];
      let size = 0;
      const end = (cut: boolean) => {
        const bytes = Buffer.concat(parts);
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, bytes, text: bytes.toString(), cut });
      };
      answer.on('data', (part: Buffer) => {
        parts.push(part);
        size += part.length;
        if (size < leaveAfter) return;
        answer.destroy();
        end(true);
      });
      answer.once('end', () => end(false));
      answer.once('error', () => end(true));
    });
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}

/** What a server answers to exactly these bytes, until it closes the connection. */
export async function rawAnswer(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1').setEncoding('latin1');
  let text = '';
  socket.on('data', (part) => {
    text += part;
  });
  socket.on('error', () => {}); // a reset ends it too
  socket.write(bytes);
  await once(socket, 'close');
  return text;
}

export function addressOf(server: Server | string): string {
  if (typeof server === 'string') return server;
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('The server does not listen');
  return `http://127.0.0.1:${address.port}`;
}

export async function listening(server: Server): Promise<Server> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

export async function closed(server: Server): Promise<void> {
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
}

/** Reads events of a stream until `wanted` says that they are enough, then goes away. */
export async function readEvents(
  url: string,
  headers: Readonly<Record<string, string>>,
  wanted: (events: readonly ServerSentEvent[]) => boolean,
): Promise<readonly ServerSentEvent[]> {
  const leaving = new AbortController();
  const response = await fetch(url, { headers: { Accept: 'text/event-stream', ...headers }, signal: leaving.signal });
  const events: ServerSentEvent[] = [];
  let text = '';
  const decoder = new TextDecoder();
  try {
    for await (const part of response.body ?? []) {
      text += decoder.decode(part, { stream: true });
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) events.push(eventOf(block));
      if (wanted(events)) return events;
    }
  } catch (thrown) {
    if (!(thrown instanceof TypeError)) throw thrown; // the server went away: what came, came
  } finally {
    leaving.abort();
  }
  return events;
}

export interface ServerSentEvent {
  readonly id: string | null;
  readonly type: string;
  readonly data: string;
}

function eventOf(block: string): ServerSentEvent {
  const field = (name: string) =>
    block
      .split('\n')
      .filter((line) => line.startsWith(`${name}:`))
      .map((line) => line.slice(name.length + 1).trimStart());
  return { id: field('id')[0] ?? null, type: field('event')[0] ?? 'message', data: field('data').join('\n') };
}
