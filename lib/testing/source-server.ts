/**
 * A server of files by range on a loopback port, and beside it a hub as Hugging Face's: revisions, listings, and files that
 * redirect to signed addresses on another origin. It counts what it sends, and does wrong whatever a test asks for.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ServedFile {
  readonly sizeBytes: number;
  read(start: number, end: number): Uint8Array;
}

export interface Asked {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** First byte, and the one after the last; null without a range. */
  readonly range: readonly [number, number] | null;
  readonly authorization: string | undefined;
  /** How many requests came before it. */
  readonly index: number;
}

/** What is done wrong with one answer. Bytes are of the body. */
export interface Fault {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** The connection is closed after this many bytes: 0 after the head, -1 before it. */
  readonly dropAfter?: number;
  /** The answer stays open after this many bytes: -1 before the head. */
  readonly stallAfter?: number;
  /** The body ends after this many bytes as if that were all. */
  readonly endAfter?: number;
  /** The whole file, whatever the range. */
  readonly ignoresRange?: boolean;
  /** Bytes that nobody asked for, at the end. */
  readonly surplus?: number;
}

export interface SourceServer {
  /** Of the files: `${url}/PATH`. */
  readonly url: string;
  /** Of the hub, for HF_ENDPOINT. */
  readonly hubUrl: string;
  readonly asked: Asked[];
  /** Bytes of bodies, of both. */
  sentBytes: number;
  fault: (asked: Asked) => Fault | undefined;
  /** Commits by revision, and the files of each commit's repository. */
  readonly revisions: Map<string, string>;
  files: ReadonlyMap<string, ServedFile>;
  /** Signed addresses handed out before this one have expired. */
  expireSignatures(): void;
  /** A token that the hub asks for, or none. */
  token: string | null;
  close(): Promise<void>;
}

export const REPO = 'lab/model';
export const COMMIT = '0123456789abcdef0123456789abcdef01234567';
/** Small, so that every listing has several. */
const LISTED_PER_PAGE = 3;

export function servedBytes(bytes: Uint8Array): ServedFile {
  return { sizeBytes: bytes.length, read: (start, end) => bytes.subarray(start, end) };
}

export async function startSourceServer(files: ReadonlyMap<string, ServedFile>): Promise<SourceServer> {
  let signature = 0;
  let expiredBefore = 0;
  const store = createServer((request, response) => answerWith(request, response, serveFile));
  const hub = createServer((request, response) => answerWith(request, response, serveHub));
  const [storeUrl, hubUrl] = [await listen(store), await listen(hub)];
  const server: SourceServer = {
    url: storeUrl,
    hubUrl,
    asked: [],
    sentBytes: 0,
    fault: () => undefined,
    revisions: new Map([['main', COMMIT]]),
    files,
    token: null,
    expireSignatures() {
      expiredBefore = signature + 1;
    },
    async close() {
      for (const one of [store, hub]) {
        one.closeAllConnections();
        await new Promise((resolve) => one.close(resolve));
      }
    },
  };

  type Serve = (asked: Asked, query: URLSearchParams, response: ServerResponse, fault: Fault) => void;
  function answerWith(request: IncomingMessage, response: ServerResponse, serve: Serve): void {
    const { pathname, searchParams } = new URL(request.url ?? '', storeUrl);
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    const asked: Asked = {
      method: request.method ?? '',
      path: decodeURIComponent(pathname),
      range: from === undefined ? null : [Number(from), Number(to) + 1],
      authorization: request.headers.authorization,
      index: server.asked.length,
    };
    server.asked.push(asked);
    const fault = server.fault(asked) ?? {};
    if (fault.dropAfter === -1) response.destroy();
    else if (fault.stallAfter === -1) return;
    else if (fault.status !== undefined) response.writeHead(fault.status, fault.headers).end();
    else serve(asked, searchParams, response, fault);
  }

  function serveFile(asked: Asked, query: URLSearchParams, response: ServerResponse, fault: Fault): void {
    const signed = query.get('signature');
    if (signed !== null && Number(signed) < expiredBefore) {
      response.writeHead(403).end();
      return;
    }
    const file = server.files.get(asked.path.replace(/^\/(signed\/)?/, ''));
    if (!file) {
      response.writeHead(404).end();
      return;
    }
    const [start, end] = (fault.ignoresRange ? null : asked.range) ?? [0, file.sizeBytes];
    if (asked.range && start >= file.sizeBytes) {
      response.writeHead(416, { 'Content-Range': `bytes */${file.sizeBytes}` }).end();
      return;
    }
    const last = Math.min(end, file.sizeBytes);
    const isPart = asked.range !== null && !fault.ignoresRange;
    send(response, isPart ? 206 : 200, file.read(start, last), fault, {
      ETag: '"one"',
      ...(isPart ? { 'Content-Range': `bytes ${start}-${last - 1}/${file.sizeBytes}` } : {}),
    });
  }

  function serveHub(asked: Asked, query: URLSearchParams, response: ServerResponse, fault: Fault): void {
    const json = (value: unknown, headers: Record<string, string> = {}, status = 200) => {
      const type = { 'Content-Type': 'application/json' };
      send(response, status, new TextEncoder().encode(JSON.stringify(value)), fault, { ...type, ...headers });
    };
    if (server.token !== null && asked.authorization !== `Bearer ${server.token}`) {
      json({ error: 'Invalid username or password.' }, {}, 401);
      return;
    }
    const revision = new RegExp(`^/api/models/${REPO}/revision/(.+)$`).exec(asked.path)?.[1];
    const tree = new RegExp(`^/api/models/${REPO}/tree/${COMMIT}/?(.*)$`).exec(asked.path)?.[1];
    const file = new RegExp(`^/${REPO}/resolve/${COMMIT}/(.+)$`).exec(asked.path)?.[1];
    const sha =
      revision === undefined ? undefined : (server.revisions.get(revision) ?? /^[0-9a-f]{40}$/.exec(revision)?.[0]);
    if (sha !== undefined) json({ _id: '1', id: REPO, sha, lastModified: '2025-01-01T00:00:00.000Z' });
    else if (tree !== undefined) list(tree, query, json);
    else if (file !== undefined && server.files.has(file)) {
      const location = `${storeUrl}/signed/${encodeURI(file)}?signature=${++signature}`;
      response.writeHead(302, { Location: location }).end();
    } else json({ error: 'Repository not found' }, {}, 404);
  }

  function list(
    folder: string,
    query: URLSearchParams,
    json: (value: unknown, headers?: Record<string, string>) => void,
  ): void {
    const start = folder === '' ? '' : `${folder}/`;
    const isDeep = query.get('recursive') === 'true';
    const names = [...server.files.keys()].filter(
      (name) => name.startsWith(start) && (isDeep || !name.slice(start.length).includes('/')),
    );
    const from = Number(query.get('cursor') ?? 0);
    const next = from + LISTED_PER_PAGE;
    const address = `${hubUrl}/api/models/${REPO}/tree/${COMMIT}/${folder}?recursive=${isDeep}&cursor=${next}`;
    const entries = names.slice(from, next).map((path) => {
      const size = server.files.get(path)?.sizeBytes ?? 0;
      return {
        type: 'file',
        oid: 'a',
        path,
        size,
        ...(size > 1e6 ? { lfs: { oid: 'b', size, pointerSize: 134 } } : {}),
      };
    });
    json(entries, next < names.length ? { Link: `<${address}>; rel="next"` } : {});
  }

  function send(
    response: ServerResponse,
    status: number,
    body: Uint8Array,
    { headers, dropAfter, stallAfter, endAfter, surplus = 0 }: Fault,
    own: Record<string, string>,
  ): void {
    const cut = dropAfter ?? stallAfter ?? endAfter;
    const sent = cut === undefined ? body : body.subarray(0, cut);
    const length = endAfter !== undefined || surplus > 0 ? {} : { 'Content-Length': String(body.length) };
    response.writeHead(status, { ...length, ...own, ...headers });
    response.flushHeaders();
    server.sentBytes += sent.length + surplus;
    if (surplus > 0) response.end(Buffer.concat([sent, Buffer.alloc(surplus)]));
    else if (dropAfter !== undefined) response.write(sent, () => response.destroy());
    else if (stallAfter !== undefined) response.write(sent);
    else response.end(sent);
  }

  return server;
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
