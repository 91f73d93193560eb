/**
 * Where the compute processes of this job runner ask for teacher states that other machines have computed, leave their
 * own, and claim what they compute: a server on loopback, since a compute process reaches neither database nor store
 * (lib/compute/stores/shared-state-cache.ts is its side). An address is of one attempt and cannot be guessed. What cannot
 * be shared just now is answered with 503: the process then goes on with its own disk alone, and this side says why.
 *
 *   HEAD, GET, PUT  /TOKEN/states?origin=…&name=…   is it there; its bytes; here they are (507 over the run's budget)
 *   POST, DELETE    /TOKEN/claim?origin=…&name=…    I compute it (409 while another one does); I no longer do
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { saveFile } from '../../compute/folder/node-save-file.ts';
import { asContiguaError } from '../../core/errors.ts';
import type { ArtifactStore } from '../artifacts/store.ts';
import type { Attempt } from '../runs/attempt.ts';
import type { RunContext } from '../runs/context.ts';
import {
  claimStates,
  forgetStates,
  othersAtWork,
  recordStates,
  releaseStates,
  type StateName,
  statesFolder,
  storedBytes,
  storedStates,
} from '../runs/teacher-states.ts';

export interface SharedStatesOptions {
  readonly context: Pick<RunContext, 'db'>;
  readonly store: ArtifactStore;
  readonly runnerId: string;
  /** Hears once of each failure. */
  report(sentence: string): void;
}

export interface SharedStates {
  /** Address of one attempt; `end` makes it one of nobody. */
  open(attempt: Attempt, budgetBytes: number, folder: string): { readonly url: string; end(): void };
  close(): Promise<void>;
}

interface Guest {
  readonly attempt: Attempt;
  readonly budgetBytes: number;
  /** For bytes on their way to the store. */
  readonly folder: string;
}

const STATUS = { there: 200, done: 204, absent: 404, refused: 405, held: 409, unavailable: 503, full: 507 } as const;
type Outcome = keyof typeof STATUS | Uint8Array;

const ORIGIN = /^[0-9a-f]{32}$/;
const NAME = /^[A-Za-z0-9][A-Za-z0-9-]{0,99}$/;
/** As in the cache on disk: states of one batch are smaller. */
const MAX_BYTES = 2 ** 30;

export async function serveSharedStates(options: SharedStatesOptions): Promise<SharedStates> {
  const guests = new Map<string, Guest>();
  const said = new Set<string>();
  const server = createServer((request, response) => {
    answer(request, guests, options)
      .catch((thrown: unknown): Outcome => {
        const { message } = asContiguaError(thrown);
        if (!said.has(message)) options.report(`Teacher states are not shared: ${message}`);
        said.add(message);
        return 'unavailable';
      })
      .then((outcome) => send(response, outcome));
  });
  const port = await listening(server);
  return {
    open(attempt, budgetBytes, folder) {
      const token = randomBytes(32).toString('hex');
      guests.set(token, { attempt, budgetBytes, folder });
      return { url: `http://127.0.0.1:${port}/${token}/`, end: () => void guests.delete(token) };
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function answer(
  request: IncomingMessage,
  guests: ReadonlyMap<string, Guest>,
  { context: { db }, store, runnerId }: SharedStatesOptions,
): Promise<Outcome> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://loopback');
  const [, token = '', what] = pathname.split('/');
  const guest = guests.get(token);
  const state: StateName = { origin: searchParams.get('origin') ?? '', name: searchParams.get('name') ?? '' };
  if (!guest || !ORIGIN.test(state.origin) || !NAME.test(state.name)) return 'refused';
  const { attempt } = guest;
  switch (`${request.method} ${what}`) {
    case 'HEAD states':
      return (await storedStates(db, state)) ? 'there' : 'absent';
    case 'GET states': {
      const artifact = await storedStates(db, state);
      if (!artifact) return 'absent';
      try {
        const parts: Uint8Array[] = [];
        for await (const part of (await store.open(artifact)).parts()) parts.push(part);
        return Buffer.concat(parts);
      } catch (thrown) {
        const { code } = asContiguaError(thrown);
        if (code !== 'artifact-missing' && code !== 'artifact-corrupt') throw thrown;
        await forgetStates(db, artifact.key);
        return 'absent';
      }
    }
    case 'PUT states': {
      const sizeBytes = Number(request.headers['content-length']);
      if (!(sizeBytes > 0 && sizeBytes <= MAX_BYTES)) return 'refused';
      // The transfer would serve nobody.
      if (!(await othersAtWork(db, runnerId)) || (await storedStates(db, state))) return 'done';
      if ((await storedBytes(db, attempt.runId)) + sizeBytes > guest.budgetBytes) return 'full';
      const file = `${state.name}-${randomBytes(6).toString('hex')}`;
      const path = join(guest.folder, file);
      const key = `${statesFolder(attempt.runId)}${state.origin}/${file}`;
      try {
        const saved = await saveFile(pathToFileURL(path).href, request);
        await recordStates(db, attempt.runId, state, await store.put(key, path, saved));
      } finally {
        await rm(path, { force: true });
      }
      return 'done';
    }
    case 'POST claim':
      return (await claimStates(db, attempt, state)) ? 'done' : 'held';
    case 'DELETE claim':
      await releaseStates(db, attempt, state);
      return 'done';
    default:
      return 'refused';
  }
}

function send(response: ServerResponse, outcome: Outcome): void {
  if (typeof outcome === 'string') response.writeHead(STATUS[outcome]).end();
  else response.writeHead(200, { 'Content-Length': outcome.byteLength }).end(outcome);
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}
