import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ContiguaError } from '../../core/errors.ts';
import { addressOf, closed, listening } from '../testing.ts';
import { S3Artifacts } from './s3.ts';
import { ACCESS_KEY, FakeS3 } from './testing.ts';

const SECRET_KEY = 'a-very-secret-key';
let folder = '';
let fake: FakeS3;
beforeEach(async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', ACCESS_KEY);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', SECRET_KEY);
  folder = await mkdtemp(join(tmpdir(), 'contigua-s3-'));
  fake = new FakeS3();
  await listening(fake.server);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  if (fake.server.listening) await closed(fake.server);
  await rm(folder, { recursive: true });
});
const settings = (endpoint = addressOf(fake.server)) => ({
  bucket: 'lab',
  endpoint,
  prefix: 'contigua/',
  region: 'eu-west-1',
});
const open = (endpoint?: string) =>
  new S3Artifacts(settings(endpoint), join(folder, 'cache'), { attempts: 1, partBytes: 5 * 2 ** 20 });
async function source(bytes: Uint8Array) {
  const path = join(folder, 'source');
  await writeFile(path, bytes);
  return { path, promised: { sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') } };
}
async function refusalOf(call: Promise<unknown>): Promise<ContiguaError> {
  const thrown = await call.catch((error: unknown) => error);
  if (thrown instanceof ContiguaError) return thrown;
  throw new Error(`not refused: ${String(thrown)}`);
}

it('keeps objects below its prefix, with the checksum of the whole as metadata', async () => {
  const { path, promised } = await source(new Uint8Array(1000).fill(7));
  await open().put('runs/7/student', path, promised);
  expect([...fake.objects].map(([name, { metadata }]) => [name, metadata])).toEqual([
    ['lab/contigua/runs/7/student', { sha256: promised.sha256 }],
  ]);
});

it('sends a large file in parts, and it is there when all of them are', async () => {
  const { path, promised } = await source(new Uint8Array(12 * 2 ** 20).map((_, i) => (i * 31) >>> 5));
  const store = open();
  await store.put('runs/7/student', path, promised);
  expect(fake.requests.filter((line) => line.startsWith('PUT') && line.endsWith('?part'))).toHaveLength(3);
  expect(fake.openUploads).toBe(0);
  const copy = await store.localCopy({ key: 'runs/7/student', ...promised });
  expect(
    createHash('sha256')
      .update(await readFile(copy))
      .digest('hex'),
  ).toBe(promised.sha256);
});

it('leaves neither object nor parts where a part is refused, and says who refused without a secret', async () => {
  const { path, promised } = await source(new Uint8Array(12 * 2 ** 20));
  fake.failWith = ({ url }) => (url?.includes('partNumber=2') ? { status: 403, code: 'AccessDenied' } : null);
  const refusal = await refusalOf(open().put('runs/7/student', path, promised));
  expect(refusal).toMatchObject({
    code: 'store-unreachable',
    details: { file: 'runs/7/student', found: 'AccessDenied 403' },
  });
  expect(refusal.message).toContain(`bucket lab at ${addressOf(fake.server)}`);
  expect(refusal.message).not.toMatch(new RegExp(`${ACCESS_KEY}|${SECRET_KEY}`));
  expect([fake.objects.size, fake.openUploads]).toEqual([0, 0]);
});

it('says which store does not answer, whatever it was asked', async () => {
  const { path, promised } = await source(new Uint8Array(10));
  const address = addressOf(fake.server);
  await closed(fake.server);
  const store = open(address.replace('http://', 'http://user:hush@'));
  for (const call of [
    () => store.put('a', path, promised),
    () => store.open({ key: 'a', ...promised }),
    () => store.localCopy({ key: 'a', ...promised }),
    () => store.delete('a'),
    async () => {
      for await (const _ of store.list(''));
    },
  ]) {
    const refusal = await refusalOf(call());
    expect(refusal).toMatchObject({ code: 'store-unreachable', details: { found: 'ECONNREFUSED' } });
    expect(refusal.message).toContain(`bucket lab at ${address}`);
    expect(refusal.message).not.toContain('hush');
  }
});

it('tries again what failed once', async () => {
  const { path, promised } = await source(new Uint8Array(10));
  let failures = 2;
  fake.failWith = () => (failures-- > 0 ? { status: 503, code: 'SlowDown' } : null);
  const store = new S3Artifacts(settings(), join(folder, 'cache'));
  await expect(store.put('a', path, promised)).resolves.toMatchObject({ key: 'a' });
});

it('fetches a local copy once, and again where this disk has spoilt it', async () => {
  const { path, promised } = await source(new Uint8Array(1000).fill(3));
  const store = open();
  const stored = await store.put('runs/7/student', path, promised);
  const gets = () => fake.requests.filter((line) => line.startsWith('GET')).length;
  const copy = await store.localCopy(stored);
  await store.localCopy(stored);
  expect(gets()).toBe(1);
  await writeFile(copy, new Uint8Array(1000).fill(4));
  expect(await readFile(await store.localCopy(stored))).toEqual(Buffer.alloc(1000, 3));
  expect(gets()).toBe(2);
});

it('refuses what the bucket has spoilt, and what was replaced while it was read', async () => {
  const { path, promised } = await source(new Uint8Array(1000).fill(3));
  const store = open();
  const stored = await store.put('a', path, promised);
  const { blob } = await store.open(stored);
  const name = 'lab/contigua/a';
  const { metadata } = fake.objects.get(name)!;
  fake.objects.set(name, { bytes: Buffer.alloc(1000, 4), metadata, etag: '"other"' });
  expect((await refusalOf(store.localCopy(stored))).code).toBe('artifact-corrupt');
  expect((await refusalOf(blob.arrayBuffer())).code).toBe('artifact-corrupt');
  await expect(stat(join(folder, 'cache', 'a'))).rejects.toThrow('ENOENT');
});

it('clears away local copies that nobody used for a week', async () => {
  const { path, promised } = await source(new Uint8Array(10));
  const store = open();
  const [old, recent] = [await store.put('runs/1/a', path, promised), await store.put('runs/2/a', path, promised)];
  const [oldCopy, recentCopy] = [await store.localCopy(old), await store.localCopy(recent)];
  const longAgo = new Date(Date.now() - 8 * 24 * 3600 * 1000);
  await utimes(oldCopy, longAgo, longAgo);
  await open().localCopy(recent);
  await expect(stat(oldCopy)).rejects.toThrow('ENOENT');
  expect((await stat(recentCopy)).size).toBe(10);
});
