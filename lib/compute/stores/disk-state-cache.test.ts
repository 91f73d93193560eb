import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { roundedToBfloat } from '../../core/tensor/float.ts';
import { openStateCache } from './disk-state-cache.ts';

let root: string;
let url: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'contigua-states-'));
  url = pathToFileURL(root).href;
});
afterEach(() => rm(root, { recursive: true, force: true }));

const values = Float32Array.of(1, 1 / 3, -0, 1e-30);
const BUDGET = 1 << 20;

test('gives back the bits that were stored, to whoever opens the same origin', async () => {
  await (await openStateCache(url, BUDGET, 'a')).store('0-1', values);
  const cache = await openStateCache(url, BUDGET, 'a');
  expect(await cache.load('0-1')).toEqual(values);
  expect(await cache.has('0-1')).toBe(true);
  expect(await cache.load('0-2')).toBeNull();
  expect(await (await openStateCache(url, BUDGET, 'b')).load('0-1')).toBeNull();
});

test('keeps bfloat16 in half the bytes, apart from the float32 of the same origin', async () => {
  const rounded = roundedToBfloat(values);
  const cache = await openStateCache(url, BUDGET, 'a', 'bf16');
  await cache.store('0-1', rounded);
  expect(cache.freeBytes).toBe(BUDGET - 2 * rounded.length - 4);
  expect(await (await openStateCache(url, BUDGET, 'a', 'bf16')).load('0-1')).toEqual(rounded);
  expect(await (await openStateCache(url, BUDGET, 'a')).has('0-1')).toBe(false);
});

test('a claim that is renewed outlives its age', async () => {
  const cache = await openStateCache(url, BUDGET, 'a');
  const clock = vi.spyOn(Date, 'now');
  const start = Date.now();
  clock.mockReturnValue(start);
  const claim = await cache.claim('0-1');
  clock.mockReturnValue(start + 3_600_000);
  const [folder] = await readdir(root);
  const path = join(root, folder!, '0-1.claim');
  const longAgo = new Date(start - 3_600_000);
  await utimes(path, longAgo, longAgo);
  await claim?.renew();
  clock.mockRestore();
  expect(await cache.claim('0-1')).toBeNull();
  await claim?.release();
});

test('a file larger than states ever are is gone, unread', async () => {
  const cache = await openStateCache(url, BUDGET, 'a');
  await cache.store('0-1', values);
  const [folder] = await readdir(root);
  await truncate(join(root, folder!, '0-1.f32'), 2.5e9);
  expect(await cache.load('0-1')).toBeNull();
  expect(await cache.has('0-1')).toBe(false);
});

test('states that a crash tore are gone, not wrong', async () => {
  const cache = await openStateCache(url, BUDGET, 'a');
  await cache.store('0-1', values);
  await cache.store('1-1', values);
  const [folder] = await readdir(root);
  await truncate(join(root, folder!, '0-1.f32'), 8);
  await writeFile(join(root, folder!, '1-1.f32'), new Uint8Array(20));
  for (const name of ['0-1', '1-1']) {
    expect(await cache.load(name)).toBeNull();
    expect(await cache.has(name)).toBe(false);
  }
});

test('states with one bit flipped, wherever it lies, or with nothing but zeros left, are gone and stored anew', async () => {
  const cache = await openStateCache(url, BUDGET, 'a');
  await cache.store('0-1', values);
  const [folder] = await readdir(root);
  const path = join(root, folder!, '0-1.f32');
  const sound = await readFile(path);
  const damaged = Array.from({ length: 8 * sound.length }, (_, bit) => {
    const bytes = Buffer.from(sound);
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    return bytes;
  });
  for (const bytes of [...damaged, Buffer.alloc(4), Buffer.alloc(0)]) {
    await writeFile(path, bytes);
    expect(await cache.load('0-1')).toBeNull();
    expect(await cache.has('0-1')).toBe(false);
  }
  await cache.store('0-1', values);
  expect(await cache.load('0-1')).toEqual(values);
});

test('keeps nothing beyond its budget', async () => {
  const cache = await openStateCache(url, 24, 'a');
  await cache.store('0-1', values);
  expect(cache.freeBytes).toBe(4);
  expect(await cache.store('1-1', values)).toBe(false);
  expect(cache.freeBytes).toBe(0);
  expect(await cache.has('1-1')).toBe(false);
});

test('is full, and opens, on a disk that has no room even for its folder', async ({ skip }) => {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,nr_inodes=1', 'tmpfs', root], { stdio: 'ignore' });
  } catch {
    console.error('SKIPPED: a cache on a full disk. Mounting a small file system needs root.');
    return skip();
  }
  try {
    const cache = await openStateCache(url, BUDGET, 'a');
    expect(cache.freeBytes).toBe(0);
    expect(await cache.load('0-1')).toBeNull();
    await cache.store('0-1', values);
    expect(await cache.has('0-1')).toBe(false);
  } finally {
    execFileSync('umount', ['-l', root]);
  }
});

test('makes room by letting go of what nobody uses, and of nothing that is in use', async () => {
  await (await openStateCache(url, BUDGET, 'old')).store('0-1', values);
  const [old] = await readdir(root);
  await (await openStateCache(url, BUDGET, 'busy')).store('0-1', values);
  const longAgo = new Date(Date.now() - 3_600_000);
  await utimes(join(root, old!, 'used'), longAgo, longAgo);
  expect((await openStateCache(url, 36, 'new')).freeBytes).toBeGreaterThan(0);
  expect(await (await openStateCache(url, BUDGET, 'old')).load('0-1')).toBeNull();
  expect(await (await openStateCache(url, BUDGET, 'busy')).load('0-1')).toEqual(values);
});

test('a batch is claimed by one at a time, and a dead process holds no claim', async () => {
  const cache = await openStateCache(url, BUDGET, 'a');
  const claim = await cache.claim('0-1');
  expect(claim).not.toBeNull();
  expect(await cache.claim('0-1')).toBeNull();
  await claim?.release();
  const [folder] = await readdir(root);
  // No process has a number this large.
  await writeFile(join(root, folder!, '0-1.claim'), '4194305');
  const again = await cache.claim('0-1');
  expect(again).not.toBeNull();
  // Nor is an old one held, whoever has its number now, nor one that was never finished.
  for (const text of [String(process.pid), '']) {
    await writeFile(join(root, folder!, '0-2.claim'), text);
    expect(await cache.claim('0-2')).toBeNull();
    const longAgo = new Date(Date.now() - 3_600_000);
    await utimes(join(root, folder!, '0-2.claim'), longAgo, longAgo);
    await (await cache.claim('0-2'))!.release();
  }
  await again?.release();
  expect((await readdir(join(root, folder!))).filter((name) => name.endsWith('.claim'))).toEqual([]);
});
