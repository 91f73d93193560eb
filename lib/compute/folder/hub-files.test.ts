import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configAlone } from '../../core/folder/config-alone.ts';
import { openModel } from '../../core/folder/open-model.ts';
import { publishedShape } from '../../testing/published-shape.ts';
import { COMMIT, REPO, type SourceServer, servedBytes, startSourceServer } from '../../testing/source-server.ts';
import { tinyModel } from '../../testing/tiny-model.ts';
import { nodeSources } from './node-sources.ts';
import { DEFAULT_RETRY } from './retry.ts';

const retry = { ...DEFAULT_RETRY, firstDelayMs: 1, maxDelayMs: 4 };
const tiny = await tinyModel();
const files = new Map([
  ['README.md', servedBytes(new TextEncoder().encode('A model'))],
  ['model_index.json', servedBytes(new TextEncoder().encode('{}'))],
  ['quantised/deep/er.json', servedBytes(new TextEncoder().encode('{}'))],
  ['quantised/config.json', servedBytes(tiny.files['config.json']!)],
  ['quantised/small.json', servedBytes(tiny.files['config.json']!)],
  ['quantised/whole.safetensors', servedBytes(tiny.files['diffusion_pytorch_model.safetensors']!)],
  ['quantised/other.safetensors', servedBytes(tiny.files['diffusion_pytorch_model.safetensors']!)],
  ...Object.entries(tiny.files).map(([path, bytes]) => [`transformer/${path}`, servedBytes(bytes)] as const),
]);

let server: SourceServer;
beforeEach(async () => {
  server = await startSourceServer(files);
});
afterEach(() => server.close());

const sources = (environment: Record<string, string> = {}) =>
  nodeSources({ HF_ENDPOINT: server.hubUrl, ...environment }, { retry });
const inventory = async (address: string) => (await sources().openFolder(address)).map(({ path }) => path).sort();
const fingerprint = async (address: string, host = sources()) =>
  (await openModel({ files: await host.openFolder(address), name: 'm' })).summary.fingerprint;

describe('a repository of Hugging Face', () => {
  it('is listed page by page, two folders deep, and opened without reading a file', async () => {
    expect(await inventory(`hf:${REPO}`)).toEqual([
      'README.md',
      'model_index.json',
      'quantised/config.json',
      'quantised/other.safetensors',
      'quantised/small.json',
      'quantised/whole.safetensors',
      'transformer/config.json',
      'transformer/diffusion_pytorch_model.safetensors',
    ]);
    expect(server.asked.filter(({ path }) => path.includes('/resolve/'))).toEqual([]);
  });

  it('holds models in folders and in files, the same bytes as on the disk', async () => {
    expect(await inventory(`hf:${REPO}/transformer`)).toEqual(['config.json', 'diffusion_pytorch_model.safetensors']);
    expect(await inventory(`hf:${REPO}/quantised/whole.safetensors`)).toEqual(['config.json', 'whole.safetensors']);
    const onDisk = Object.entries(tiny.files).map(([path, bytes]) => ({ path, blob: new Blob([bytes]) }));
    const expected = (await openModel({ files: onDisk, name: 'm' })).summary.fingerprint;
    expect(await fingerprint(`hf:${REPO}/transformer`)).toBe(expected);
    expect(await fingerprint(`hf:${REPO}/quantised/whole.safetensors`)).toBe(expected);
  });

  it('may be a config.json alone, which is counted without weights', async () => {
    const opened = await sources().openFolder(`hf:${REPO}/quantised/config.json`);
    expect(opened.map(({ path }) => path)).toEqual(['config.json']);
    const named = await sources().openFolder(`hf:${REPO}/quantised/small.json`);
    expect(named.map(({ path }) => path)).toEqual(['small.json']);
    const summary = await configAlone({ files: opened, name: 'm' });
    expect(summary).toMatchObject({ configAlone: true, family: 'qwen-image', numBlocks: 2 });
    await expect(sources().openFolder(`hf:${REPO}/model_index.json`)).rejects.toThrow(
      /model_index\.json: This is an index, not a model; expected a folder/,
    );
  });

  it('is read at the commit that its revision meant when it was opened', async () => {
    const host = sources();
    expect(await host.pin(`hf:${REPO}/transformer`)).toBe(`hf:${REPO}@${COMMIT}/transformer`);
    const opened = await host.openFolder(`hf:${REPO}/transformer`);
    server.revisions.set('main', 'f'.repeat(40));
    await openModel({ files: opened, name: 'm' });
    const read = server.asked.filter(({ path }) => path.includes('/resolve/'));
    expect(read.length).toBeGreaterThan(0);
    expect(read.every(({ path }) => path.includes(COMMIT))).toBe(true);
  });

  it('gets the token of the environment, which goes nowhere else', async () => {
    server.token = 'hf_secret';
    expect(await fingerprint(`hf:${REPO}/transformer`, sources({ HF_TOKEN: 'hf_secret' }))).toMatch(/^sha256:/);
    const stores = server.asked.filter(({ path }) => path.startsWith('/signed/'));
    expect(stores.length).toBeGreaterThan(0);
    expect(stores.every(({ authorization }) => authorization === undefined)).toBe(true);
  });

  it.each<[string, string, Record<string, string>, string, RegExp]>([
    [
      'a private one without a token',
      `hf:${REPO}`,
      {},
      'source-refused',
      /found 401: Invalid.*put an access token in HF_TOKEN/,
    ],
    ['a wrong token', `hf:${REPO}`, { HF_TOKEN: 'hf_wrong' }, 'source-refused', /account of HF_TOKEN may read it/],
    [
      'no such revision',
      `hf:${REPO}@v9`,
      { HF_TOKEN: 'hf_secret' },
      'checkpoint-incomplete',
      /hf:lab\/model@v9: The hub has no such/,
    ],
    [
      'no such file',
      `hf:${REPO}/x.gguf`,
      { HF_TOKEN: 'hf_secret' },
      'checkpoint-incomplete',
      /hf:lab\/model\/x\.gguf: The repository has no such file/,
    ],
  ])('tells of %s', async (_, address, environment, code, message) => {
    server.token = 'hf_secret';
    const opening = sources(environment).openFolder(address);
    await expect(opening).rejects.toMatchObject({ code });
    await expect(opening).rejects.toThrow(message);
    await expect(opening).rejects.not.toThrow(/hf_secret|hf_wrong/);
  });

  it('is opened although every answer of the way fails once, drops in the middle or is cut short', async () => {
    const expected = await fingerprint(`hf:${REPO}/transformer`);
    const steps = server.asked.length;
    expect(steps).toBeGreaterThan(4);
    for (const fault of [{ status: 503 }, { dropAfter: -1 }, { dropAfter: 20 }, { endAfter: 7 }]) {
      for (let step = 0; step < steps; step++) {
        const first = server.asked.length;
        const isHub = (path: string) => path.startsWith('/api/');
        // A short answer of the API that claims to be whole is not JSON, and nothing says that it is the server's fault.
        server.fault = ({ index, path }) =>
          index === first + step && !(isHub(path) && 'endAfter' in fault) ? fault : undefined;
        expect(await fingerprint(`hf:${REPO}/transformer`), `${JSON.stringify(fault)} at ${step}`).toBe(expected);
      }
    }
  });

  it('says so where something else answers in its place', async () => {
    server.fault = () => ({ status: 200 });
    const opening = sources().openFolder(`hf:${REPO}`);
    await expect(opening).rejects.toMatchObject({ code: 'source-unreachable' });
    await expect(opening).rejects.toThrow(/answer of the hub cannot be read/);
  });

  it('of 41 GB takes less than 5 MB to describe', async () => {
    server.files = publishedShape();
    const { summary } = await openModel({ files: await sources().openFolder(`hf:${REPO}`), name: 'm' });
    expect([summary.numBlocks, summary.files, summary.dtypes]).toEqual([60, 9, ['BF16']]);
    expect(summary.sizeBytes).toBeGreaterThan(40e9);
    expect(server.sentBytes).toBeLessThan(5e6);
  });
});

describe('a cache on disk', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'contigua-cache-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('is not there unless it was asked for', async () => {
    await fingerprint(`hf:${REPO}/transformer`);
    expect(await readdir(folder)).toEqual([]);
  });

  it('gives what was read of a commit once, small or large, without asking for it again', async () => {
    const size = 9 * 2 ** 20 + 5;
    const bytes = Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
    server.files = new Map([['w.gguf', servedBytes(bytes)]]);
    const read = async () => {
      const [file] = await sources({ CONTIGUA_CACHE_DIR: folder }).openFolder(`hf:${REPO}/w.gguf`);
      const parts = [];
      for (const [start, end] of [
        [3, 900],
        [100, 6 * 2 ** 20],
        [size - 70_000, size],
        [2 ** 20 + 7, 2 ** 20 + 9],
      ]) {
        const part = new Uint8Array(await file!.blob.slice(start, end).arrayBuffer());
        parts.push(Buffer.compare(part, bytes.subarray(start, end)));
      }
      return parts;
    };
    expect(await read()).toEqual([0, 0, 0, 0]);
    const before = server.asked.filter(({ path }) => path.includes('/signed/')).length;
    expect(before).toBeGreaterThan(0);
    expect(await read()).toEqual([0, 0, 0, 0]);
    expect(server.asked.filter(({ path }) => path.includes('/signed/'))).toHaveLength(before);
  });

  it.each<[Record<string, string>, RegExp]>([
    [{ CONTIGUA_CACHE_GB: '5' }, /CONTIGUA_CACHE_GB: .*a size without a folder/],
    [{ CONTIGUA_CACHE_DIR: 'x', CONTIGUA_CACHE_GB: 'much' }, /found much; expected a number above 0/],
    [{ HF_ENDPOINT: 'ftp://x' }, /HF_ENDPOINT/],
    [
      { HF_TOKEN: 'to\nken' },
      /HF_TOKEN: This environment variable is not readable; found characters that no token has/,
    ],
  ])('and other settings of %j are refused', async (environment, message) => {
    await expect(sources(environment).openFolder(`hf:${REPO}`)).rejects.toThrow(message);
  });
});
