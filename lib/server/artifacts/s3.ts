/**
 * Artifacts in a bucket of any S3-compatible store. Every part that is sent is signed together with its checksum, which
 * the store verifies, and the whole file's checksum is kept as metadata; an object appears when it is complete, never
 * before. What compute processes read is copied into a cache folder and verified there.
 */
import { createReadStream } from 'node:fs';
import { readdir, rm, rmdir, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { saveFile } from '../../compute/folder/node-save-file.ts';
import type { BlobLike } from '../../core/checkpoint/index.ts';
import { ContiguaError } from '../../core/errors.ts';
import { RangeBlob } from '../../core/folder/range-blob.ts';
import type { S3Settings } from '../env.ts';
import { assertKey, assertPrefix } from './key.ts';
import type { ArtifactStore, StoredArtifact, StoredContent } from './store.ts';
import { VerifiedContents } from './verified-content.ts';
import { assertContent, type Promised, verified } from './verified-file.ts';

const PART_BYTES = 16 * 2 ** 20;
const READ_BYTES = 8 * 2 ** 20;
const ATTEMPTS = 3;
const CONNECT_MS = 5_000;
const SILENT_MS = 60_000;
/** Copies that nobody asked for in this time are removed when the store is next opened. */
const KEPT_MS = 7 * 24 * 3600 * 1000;

export interface S3Options {
  /** Parts of a multipart upload; the protocol allows 10,000 of at least 5 MiB. */
  readonly partBytes?: number;
  readonly attempts?: number;
}

export class S3Artifacts implements ArtifactStore {
  readonly where: string;
  private readonly sdk: ReturnType<typeof loadSdk>;
  private readonly partBytes: number;
  private readonly contents = new VerifiedContents();
  private readonly cleared: Promise<void>;

  constructor(
    private readonly settings: S3Settings,
    private readonly cache: string,
    options: S3Options = {},
  ) {
    const { bucket, endpoint, region } = settings;
    this.where = `bucket ${bucket} at ${endpoint === null ? `Amazon S3 in ${region}` : withoutSecrets(endpoint)}`;
    this.partBytes = options.partBytes ?? PART_BYTES;
    this.sdk = loadSdk(settings, options.attempts ?? ATTEMPTS);
    this.sdk.catch(() => undefined); // told to who first asks the store for something
    this.cleared = clearUnused(cache, Date.now() - KEPT_MS);
    this.cleared.catch(() => undefined); // told to who first needs the folder
  }

  async put(key: string, path: string, expected: Promised): Promise<StoredArtifact> {
    const Key = this.nameOf(key);
    const stored = { key, sizeBytes: expected.sizeBytes, sha256: expected.sha256 };
    const there = await this.head(key);
    if (there) return this.assertSame(there, stored);
    await assertContent(path, expected, key);
    const object = { Bucket: this.settings.bucket, Key, Metadata: { sha256: expected.sha256 } };
    // A large file is sent in at most 1,000 parts, each held in memory for a moment.
    const partSize = Math.max(this.partBytes, Math.ceil(expected.sizeBytes / 1000));
    const body = createReadStream(path, { highWaterMark: 2 ** 20 });
    try {
      await this.asking(key, async () => {
        const { client, PutObjectCommand, Upload } = await this.sdk;
        if (expected.sizeBytes <= partSize) {
          const bytes = await body.toArray();
          await client.send(new PutObjectCommand({ ...object, Body: Buffer.concat(bytes) }));
        } else {
          const params = { ...object, Body: body };
          await new Upload({ client, params, partSize, queueSize: 2, leavePartsOnError: false }).done();
        }
      });
    } finally {
      body.destroy();
    }
    const arrived = await this.head(key);
    if (!arrived) throw this.missing(key);
    return this.assertSame(arrived, stored);
  }

  async open(artifact: StoredArtifact): Promise<StoredContent> {
    return this.contents.open(await this.object(artifact.key), artifact);
  }

  async localCopy(artifact: StoredArtifact): Promise<string> {
    assertKey(artifact.key);
    await this.cleared;
    const path = join(this.cache, ...artifact.key.split('/'));
    const info = await stat(path).catch(() => null);
    if (info?.size === artifact.sizeBytes) {
      const right = await assertContent(path, artifact, artifact.key).then(
        () => true,
        () => false, // spoilt on this disk alone: fetched again below, and verified
      );
      if (right) {
        await utimes(path, new Date(), info.mtime);
        return path;
      }
    }
    const object = await this.object(artifact.key);
    await saveFile(pathToFileURL(path).href, verified(partsOf(object), artifact, artifact.key));
    return path;
  }

  async delete(key: string): Promise<void> {
    const Key = this.nameOf(key);
    await rm(join(this.cache, ...key.split('/')), { force: true });
    await this.asking(key, async () => {
      const { client, DeleteObjectCommand } = await this.sdk;
      await client.send(new DeleteObjectCommand({ Bucket: this.settings.bucket, Key }));
    });
  }

  async *list(prefix: string): AsyncIterable<string> {
    assertPrefix(prefix);
    const { bucket: Bucket, prefix: before } = this.settings;
    for (let token: string | undefined; ; ) {
      const request = { Bucket, Prefix: before + prefix, ContinuationToken: token };
      const page = await this.asking(prefix, async () => {
        const { client, ListObjectsV2Command } = await this.sdk;
        return await client.send(new ListObjectsV2Command(request));
      });
      for (const { Key } of page.Contents ?? []) if (Key !== undefined) yield Key.slice(before.length);
      token = page.NextContinuationToken;
      if (token === undefined) return;
    }
  }

  /** As the bucket sends it, unchecked. */
  private async object(key: string): Promise<BlobLike> {
    const there = await this.head(key);
    if (!there) throw this.missing(key);
    return new RangeBlob((start, end) => this.read(key, there.etag, start, end), 0, there.sizeBytes);
  }

  /** Exactly these bytes of the very object that was opened. */
  private async read(key: string, etag: string | undefined, start: number, end: number): Promise<ArrayBuffer> {
    const target = new Uint8Array(end - start);
    for (let at = start; at < end; at += READ_BYTES) {
      const last = Math.min(at + READ_BYTES, end);
      const Range = `bytes=${at}-${last - 1}`;
      const request = { Bucket: this.settings.bucket, Key: this.nameOf(key), Range, IfMatch: etag };
      const bytes = await this.asking(key, async () => {
        const { client, GetObjectCommand } = await this.sdk;
        const { Body } = await client.send(new GetObjectCommand(request));
        return (await Body?.transformToByteArray()) ?? new Uint8Array(0);
      });
      if (bytes.length !== last - at) {
        throw new ContiguaError('artifact-corrupt', 'The store sent another range', {
          file: key,
          found: `${bytes.length} bytes`,
          expected: `${last - at} bytes`,
        });
      }
      target.set(bytes, at - start);
    }
    return target.buffer;
  }

  private async head(key: string): Promise<{ sizeBytes: number; sha256: string | null; etag?: string } | null> {
    const request = { Bucket: this.settings.bucket, Key: this.nameOf(key) };
    try {
      const {
        ContentLength = 0,
        Metadata,
        ETag,
      } = await this.asking(key, async () => {
        const { client, HeadObjectCommand } = await this.sdk;
        return await client.send(new HeadObjectCommand(request));
      });
      return { sizeBytes: ContentLength, sha256: Metadata?.sha256 ?? null, etag: ETag };
    } catch (thrown) {
      if (thrown instanceof ContiguaError && thrown.code === 'artifact-missing') return null;
      throw thrown;
    }
  }

  private assertSame(there: { sizeBytes: number; sha256: string | null }, wanted: StoredArtifact): StoredArtifact {
    if (there.sizeBytes === wanted.sizeBytes && there.sha256 === wanted.sha256) return wanted;
    throw new ContiguaError('artifact-corrupt', 'Different content is stored under this key', {
      file: wanted.key,
      found: `${there.sizeBytes} bytes, sha256 ${there.sha256 ?? 'unknown'}`,
      expected: `${wanted.sizeBytes} bytes, sha256 ${wanted.sha256}`,
      hint: 'Delete it from the bucket if it is not needed.',
    });
  }

  /** What the store's refusals and silences mean here. Their own words are left out: they may quote keys and tokens. */
  private async asking<T>(key: string, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (thrown) {
      if (thrown instanceof ContiguaError) throw thrown;
      const { name, status, code } = factsOf(thrown);
      if (name === 'NoSuchKey' || name === 'NotFound') throw this.missing(key);
      if (name === 'PreconditionFailed') {
        throw new ContiguaError('artifact-corrupt', 'The object changed while it was read', { file: key });
      }
      const answer = [code ?? name, status].filter((part) => part !== undefined).join(' ');
      throw new ContiguaError('store-unreachable', `The ${this.where} refused the request`, {
        file: key,
        found: answer || 'no answer',
        hint: 'Check address, bucket, keys (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) and network; nothing stored is lost.',
      });
    }
  }

  private missing(key: string): ContiguaError {
    return new ContiguaError('artifact-missing', 'This file is not in the store', { file: key, expected: this.where });
  }

  private nameOf(key: string): string {
    assertKey(key);
    return this.settings.prefix + key;
  }
}

/** Read when there is a bucket to talk to, and not by every host and worker. */
async function loadSdk({ endpoint, region }: S3Settings, maxAttempts: number) {
  const [{ S3Client, ...commands }, { Upload }] = await Promise.all([
    import('@aws-sdk/client-s3'),
    import('@aws-sdk/lib-storage'),
  ]);
  const client = new S3Client({
    region,
    ...(endpoint === null ? {} : { endpoint, forcePathStyle: true }),
    maxAttempts,
    requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: SILENT_MS },
    // The SDK's own extra checksums are trailers that other stores do not know; signatures carry them as well.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  const { DeleteObjectCommand, GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, PutObjectCommand } = commands;
  return {
    client,
    Upload,
    DeleteObjectCommand,
    GetObjectCommand,
    HeadObjectCommand,
    ListObjectsV2Command,
    PutObjectCommand,
  };
}

async function* partsOf(blob: BlobLike): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < blob.size; at += READ_BYTES) {
    yield new Uint8Array(await blob.slice(at, Math.min(at + READ_BYTES, blob.size)).arrayBuffer());
  }
}

function factsOf(thrown: unknown): { name?: string; status?: number; code?: string } {
  if (!(thrown instanceof Error)) return {};
  const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
  const metadata = '$metadata' in thrown && typeof thrown.$metadata === 'object' ? thrown.$metadata : null;
  const status =
    metadata && 'httpStatusCode' in metadata && typeof metadata.httpStatusCode === 'number'
      ? metadata.httpStatusCode
      : undefined;
  return { name: thrown.name, status, code };
}

/** An address may carry a user and a password. */
function withoutSecrets(endpoint: string): string {
  const { protocol, host, pathname } = new URL(endpoint);
  return `${protocol}//${host}${pathname === '/' ? '' : pathname}`;
}

/** Files that were last used before then, and the folders that they leave empty. */
async function clearUnused(folder: string, before: number): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((thrown: unknown) => {
    if (factsOf(thrown).code === 'ENOENT') return [];
    throw thrown;
  });
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || (await stat(path)).atimeMs >= before) continue;
    await rm(path, { force: true });
    await rmdir(dirname(path)).catch(() => undefined); // others are still in it
  }
}
