/**
 * As much of an S3 as the store uses, in memory, for tests alone: whole and multipart uploads, ranges, metadata, lists by
 * pages. Refuses what is not signed or whose body is not the one that was signed, and fails when it is told to.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

interface StoredObject {
  readonly bytes: Buffer;
  readonly metadata: Record<string, string>;
  readonly etag: string;
}

const PAGE = 2;
export const ACCESS_KEY = 'AKIATESTTESTTESTTEST';

export class FakeS3 {
  readonly objects = new Map<string, StoredObject>();
  readonly requests: string[] = [];
  /** Answers with this status while it says so. */
  failWith: (request: IncomingMessage) => { status: number; code: string } | null = () => null;
  private readonly uploads = new Map<string, { key: string; metadata: Record<string, string>; parts: Buffer[] }>();
  readonly server: Server = createServer((request, response) => {
    this.answer(request, response).catch((thrown: unknown) => {
      response.writeHead(500).end(String(thrown));
    });
  });

  /** Multipart uploads that were begun and neither completed nor given up. */
  get openUploads(): number {
    return this.uploads.size;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://s3');
    const key = decodeURIComponent(url.pathname.slice(1));
    const { searchParams: query } = url;
    this.requests.push(`${request.method} ${url.pathname}${query.has('uploadId') ? '?part' : ''}`);
    const body = await readAll(request);
    const failure = this.failWith(request) ?? whyUnsigned(request, body);
    if (failure)
      return sendXml(
        response,
        failure.status,
        `<Error><Code>${failure.code}</Code><Message>${ACCESS_KEY} is refused</Message></Error>`,
      );
    const uploadId = query.get('uploadId');
    switch (request.method) {
      case 'POST':
        return uploadId === null ? this.begin(key, request, response) : this.complete(uploadId, response);
      case 'PUT':
        if (uploadId === null) this.store(key, body, metadataOf(request));
        else this.uploads.get(uploadId)?.parts.splice(Number(query.get('partNumber')) - 1, 1, body);
        response.writeHead(200, { ETag: etagOf(body) }).end();
        return;
      case 'DELETE':
        if (uploadId === null) this.objects.delete(key);
        else this.uploads.delete(uploadId);
        response.writeHead(204).end();
        return;
      default:
        if (query.get('list-type') === '2') return this.list(key, query, response);
        return this.send(key, request, response);
    }
  }

  private begin(key: string, request: IncomingMessage, response: ServerResponse): void {
    const id = `upload-${this.requests.length}`;
    this.uploads.set(id, { key, metadata: metadataOf(request), parts: new Array<Buffer>(1000) });
    sendXml(response, 200, `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`);
  }

  private complete(id: string, response: ServerResponse): void {
    const upload = this.uploads.get(id);
    if (!upload) {
      sendXml(response, 404, '<Error><Code>NoSuchUpload</Code></Error>');
      return;
    }
    this.uploads.delete(id);
    this.store(upload.key, Buffer.concat(upload.parts.filter(Boolean)), upload.metadata);
    sendXml(response, 200, '<CompleteMultipartUploadResult><ETag>"x"</ETag></CompleteMultipartUploadResult>');
  }

  private store(key: string, bytes: Buffer, metadata: Record<string, string>): void {
    this.objects.set(key, { bytes, metadata, etag: etagOf(bytes) });
  }

  private send(key: string, request: IncomingMessage, response: ServerResponse): void {
    const object = this.objects.get(key);
    if (!object) {
      sendXml(response, 404, '<Error><Code>NoSuchKey</Code></Error>');
      return;
    }
    const { bytes, etag, metadata } = object;
    const match = request.headers['if-match'];
    if (match !== undefined && match !== etag) {
      sendXml(response, 412, '<Error><Code>PreconditionFailed</Code></Error>');
      return;
    }
    const headers: Record<string, string | number> = { ETag: etag };
    for (const [name, value] of Object.entries(metadata)) headers[`x-amz-meta-${name}`] = value;
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    const part = first === undefined ? bytes : bytes.subarray(Number(first), Number(last) + 1);
    response.writeHead(first === undefined ? 200 : 206, { ...headers, 'Content-Length': part.length });
    response.end(request.method === 'HEAD' ? undefined : part);
  }

  private list(bucket: string, query: URLSearchParams, response: ServerResponse): void {
    const prefix = `${bucket.replace(/\/$/, '')}/${query.get('prefix') ?? ''}`;
    const names = [...this.objects.keys()].filter((name) => name.startsWith(prefix)).sort();
    const start = Number(query.get('continuation-token') ?? 0);
    const contents = names
      .slice(start, start + PAGE)
      .map((name) => `<Contents><Key>${name.slice(name.indexOf('/') + 1)}</Key></Contents>`);
    const more = start + PAGE < names.length;
    const next = more ? `<NextContinuationToken>${start + PAGE}</NextContinuationToken>` : '';
    sendXml(
      response,
      200,
      `<ListBucketResult><IsTruncated>${more}</IsTruncated>${next}${contents.join('')}</ListBucketResult>`,
    );
  }
}

function whyUnsigned({ headers }: IncomingMessage, body: Buffer): { status: number; code: string } | null {
  const signed = new RegExp(
    `^AWS4-HMAC-SHA256 Credential=${ACCESS_KEY}/\\d{8}/[\\w-]+/s3/aws4_request, SignedHeaders=.+, Signature=[0-9a-f]{64}$`,
  );
  if (!signed.test(headers.authorization ?? '')) return { status: 403, code: 'AccessDenied' };
  const sum = createHash('sha256').update(body).digest('hex');
  return headers['x-amz-content-sha256'] === sum ? null : { status: 400, code: 'XAmzContentSHA256Mismatch' };
}

function metadataOf({ headers }: IncomingMessage): Record<string, string> {
  const mine = Object.entries(headers).filter(([name]) => name.startsWith('x-amz-meta-'));
  return Object.fromEntries(mine.map(([name, value]) => [name.slice('x-amz-meta-'.length), String(value)]));
}

function etagOf(bytes: Buffer): string {
  return `"${createHash('md5').update(bytes).digest('hex')}"`;
}

function sendXml(response: ServerResponse, status: number, xml: string): void {
  response.writeHead(status, { 'Content-Type': 'application/xml' }).end(`<?xml version="1.0"?>${xml}`);
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of request) if (part instanceof Uint8Array) parts.push(part);
  return Buffer.concat(parts);
}
