/**
 * Passes the page's requests on to the job host and its answers back, as they stream: the host can be killed and started
 * again without the page going away, and the web process never sees a database. Headers go through as the browser sent
 * them, because the host judges them; the secret that the start script gave both is added. While there is no host, the
 * answer is 503 with an error that the page understands; who follows a run is told to come again in a second, which
 * browsers then do by themselves, with the number of the last event that they saw.
 */
import { type IncomingMessage, type OutgoingHttpHeaders, request as requestHttp } from 'node:http';
import { Readable } from 'node:stream';
import { ContiguaError } from '../../core/errors.ts';
import { errorAnswer, SAFE_HEADERS } from './answers.ts';
import { HOST_HEADER, type HostAddress, SECRET_HEADER } from './host-address.ts';

export { hostAddress } from './host-address.ts';

const PREFIX = '/api';
const RECONNECT_MS = 1000;
/** Of one connection, not of the message; and what the host must not be told by the outside. */
const NOT_PASSED = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
  // Ranges are of the file's own bytes.
  'accept-encoding',
  SECRET_HEADER,
  HOST_HEADER,
]);

export async function forward(request: Request, host: HostAddress | null): Promise<Response> {
  if (!host) {
    return refusal(request, 'There is no job host', 'Start Contigua with `npm start` or `npm run dev`.');
  }
  const { pathname, search } = new URL(request.url);
  const target = new URL(`${pathname.slice(PREFIX.length)}${search}`, host.url);
  const headers: OutgoingHttpHeaders = {};
  for (const [name, value] of request.headers) if (!NOT_PASSED.has(name)) headers[name] = value;
  headers[SECRET_HEADER] = host.secret;
  // Said even where it is empty: Node fills in the job host's own name, which would pass for one that was asked for.
  headers[HOST_HEADER] = request.headers.get('host') ?? '';
  try {
    const answer = await ask(request, target, headers);
    const passed = new Headers();
    for (const [name, value] of Object.entries(answer.headers)) {
      if (value === undefined || NOT_PASSED.has(name)) continue;
      for (const one of Array.isArray(value) ? value : [value]) passed.append(name, one);
    }
    const status = answer.statusCode ?? 502;
    const empty = request.method === 'HEAD' || status === 204 || status === 304;
    if (empty) answer.resume();
    return new Response(empty ? null : webStream(answer), { status, headers: passed });
  } catch {
    // Nobody reads this: the page went on.
    if (request.signal.aborted) return new Response(null, { status: 499 });
    return refusal(request, 'The job host does not answer', 'It restarts on its own; try again in a moment.');
  }
}

function ask(request: Request, target: URL, headers: OutgoingHttpHeaders): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = requestHttp(target, { method: request.method, headers, signal: request.signal }, resolve);
    outgoing.once('error', reject);
    if (!request.body) {
      outgoing.end();
      return;
    }
    const body = Readable.from(chunksOf(request.body));
    body.once('error', (error) => outgoing.destroy(error));
    // An answer before the body's end is a refusal: the host reads no more, and its answer is what counts.
    outgoing.once('response', (answer) => {
      if (body.readableEnded) return;
      body.unpipe(outgoing).destroy();
      answer.once('end', () => outgoing.destroy());
    });
    body.pipe(outgoing);
  });
}

async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.releaseLock();
  }
}

/** Chunk by chunk, at the reader's pace. An answer that breaks off breaks off for the reader too. */
function webStream(answer: IncomingMessage): ReadableStream<Uint8Array> {
  const chunks = answer[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel() {
        answer.destroy();
      },
    },
    { highWaterMark: 0 },
  );
}

function refusal(request: Request, summary: string, hint: string): Response {
  if (request.headers.get('accept')?.includes('text/event-stream')) {
    const headers = { ...SAFE_HEADERS, 'Content-Type': 'text/event-stream' };
    return new Response(`retry: ${RECONNECT_MS}\n\n`, { headers });
  }
  const { status, body } = errorAnswer(new ContiguaError('not-ready', summary, { hint }));
  const headers = { ...SAFE_HEADERS, 'Content-Type': 'application/json', 'Retry-After': '1' };
  return new Response(request.method === 'HEAD' ? null : body, { status, headers });
}
