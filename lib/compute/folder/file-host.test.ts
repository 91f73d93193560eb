import { mkdir, mkdtemp, open, rename, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { httpFiles } from './http-files.ts';
import { nodeFiles } from './node-files.ts';

let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'contigua-files-'));
  await mkdir(join(root, 'model/transformer'), { recursive: true });
  await writeFile(join(root, 'model/model_index.json'), '{}');
  await writeFile(join(root, 'model/transformer/config.json'), '{"a":1}');
  await writeFile(join(root, 'model/notes.txt'), 'A model');
  await writeFile(
    join(root, 'kept.safetensors'),
    Uint8Array.from({ length: 100 }, (_, i) => i),
  );
  await symlink(join(root, 'kept.safetensors'), join(root, 'model/transformer/w.safetensors'));
});
afterAll(() => rm(root, { recursive: true }));
const urlOf = (path: string) => pathToFileURL(join(root, path)).href;

describe('a model folder on disk', () => {
  it('lists files one level down, by their path from the folder, links followed', async () => {
    const files = await nodeFiles.openFolder(urlOf('model'));
    expect(files.map(({ path }) => path)).toEqual([
      'model_index.json',
      'notes.txt',
      'transformer/config.json',
      'transformer/w.safetensors',
    ]);
    const bytes = new Uint8Array(await files[3]!.blob.slice(10, 30).slice(5, 8).arrayBuffer());
    expect([...bytes]).toEqual([15, 16, 17]);
  });

  it('may be one file of weights, which comes with the config.json beside it', async () => {
    const files = await nodeFiles.openFolder(urlOf('model/transformer/w.safetensors'));
    expect(files.map(({ path }) => path)).toEqual(['w.safetensors', 'config.json']);
    expect((await nodeFiles.openFolder(urlOf('kept.safetensors'))).map(({ path }) => path)).toEqual([
      'kept.safetensors',
    ]);
  });

  it.each([
    ['a folder that is not there', 'nowhere', /no such folder/],
    ['an index', 'model/model_index.json', /model_index\.json: This is an index, not a model; expected a folder/],
    [
      'a file of another kind',
      'model/notes.txt',
      /This is a file; expected a folder, a file of weights \(\.gguf or .*\), or a config\.json/,
    ],
  ])('refuses %s', async (_, path, message) => {
    await expect(nodeFiles.openFolder(urlOf(path))).rejects.toThrow(message);
  });

  it('names a file that is not there', async () => {
    await expect(nodeFiles.openFile(urlOf('c.safetensors'), 'c.safetensors')).rejects.toThrow(
      /c\.safetensors: There is no such file/,
    );
  });

  it('reads 2 GiB and more at once, in pieces', async () => {
    const path = join(root, 'large.bin');
    await writeFile(path, '');
    await truncate(path, 2 ** 31 + 8);
    const file = await open(path, 'r+');
    await file.write(Uint8Array.of(7), 0, 1, 2 ** 31 + 3);
    await file.close();
    const { blob } = await nodeFiles.openFile(urlOf('large.bin'), 'large.bin');
    const bytes = new Uint8Array(await blob.arrayBuffer());
    expect([bytes.length, bytes[2 ** 31 + 2], bytes[2 ** 31 + 3]]).toEqual([2 ** 31 + 8, 0, 7]);
  });

  it('refuses a range that no memory holds', async () => {
    await writeFile(join(root, 'endless.bin'), '');
    await truncate(join(root, 'endless.bin'), 2 ** 43);
    const { blob } = await nodeFiles.openFile(urlOf('endless.bin'), 'endless.bin');
    await expect(blob.arrayBuffer()).rejects.toMatchObject({ code: 'too-large', details: { file: 'endless.bin' } });
  });

  it.each<[string, (path: string) => Promise<void>, RegExp]>([
    ['became shorter', (path) => truncate(path, 10), /found 10 bytes, modified .*; expected 50 bytes, modified /],
    ['was written anew, as long as it was', (path) => writeFile(path, new Uint8Array(50)), /found 50 bytes, modified /],
    ['is gone', (path) => rm(path), /found no such file any more; expected 50 bytes/],
    // As tools that unpack, copy or synchronise leave it, with the time that the archive or the source names.
    [
      'was replaced by one of the same size and time',
      async (path) => {
        await writeFile(`${path}.new`, new Uint8Array(50).fill(1));
        await utimes(`${path}.new`, 1_700_000_000, 1_700_000_000);
        await rename(`${path}.new`, path);
      },
      /found another file of 50 bytes, modified .*; expected 50 bytes, modified /,
    ],
  ])('notices a file that %s between two reads', async (_, change, message) => {
    const path = join(root, 'changing.bin');
    await writeFile(path, new Uint8Array(50));
    // A file system may keep times to the second.
    await utimes(path, 1_700_000_000, 1_700_000_000);
    const { blob } = await nodeFiles.openFile(urlOf('changing.bin'), 'changing.bin');
    await blob.slice(0, 10).arrayBuffer();
    await change(path);
    const reading = blob.slice(0, 10).arrayBuffer();
    await expect(reading).rejects.toMatchObject({ code: 'source-changed' });
    await expect(reading).rejects.toThrow(/changing\.bin: The file changed on the disk after it was opened/);
    await expect(reading).rejects.toThrow(message);
  });
});

describe('a model folder on a server', () => {
  function server(files: Record<string, string>) {
    const asked: string[] = [];
    const host = httpFiles({
      async fetcher(url) {
        const path = new URL(url).pathname.slice('/models/m/'.length);
        asked.push(path);
        const text = files[path];
        return text === undefined ? new Response('', { status: 404 }) : new Response(text);
      },
    });
    return { host, asked, list: async () => (await host.openFolder('http://h/models/m/')).map(({ path }) => path) };
  }
  const config = { 'transformer/config.json': '{}' };

  it('is found by the names of diffusers’ layout', async () => {
    const { list } = server({ ...config, 'transformer/diffusion_pytorch_model.safetensors': 'x' });
    expect(await list()).toEqual(['transformer/config.json', 'transformer/diffusion_pytorch_model.safetensors']);
  });

  it('may be named by its transformer folder, and by an address with a query', async () => {
    const { host, asked } = server({ ...config, 'transformer/diffusion_pytorch_model.safetensors': 'x' });
    const files = await host.openFolder('http://h/models/m/transformer/?key=1');
    expect(files.map(({ path }) => path)).toEqual([
      'transformer/config.json',
      'transformer/diffusion_pytorch_model.safetensors',
    ]);
    expect(asked.every((path) => !path.includes('?'))).toBe(true);
  });

  it('may be one file of weights, of which nothing else is asked for', async () => {
    const { host, asked } = server({ 'flux1-dev-Q4_K_S.gguf': 'x' });
    const files = await host.openFolder('http://h/models/m/flux1-dev-Q4_K_S.gguf?download=true');
    expect(files.map(({ path }) => path)).toEqual(['flux1-dev-Q4_K_S.gguf']);
    expect(new Set(asked)).toEqual(new Set(['flux1-dev-Q4_K_S.gguf']));
  });

  it('is not its index', async () => {
    const { host, asked } = server({ 'model_index.json': '{}' });
    await expect(host.openFolder('http://h/models/m/model_index.json')).rejects.toThrow(
      /This is an index, not a model/,
    );
    expect(asked).toEqual([]);
  });

  it.each([
    ['nested 20,000 levels deep', '['.repeat(20_000), /index\.json: The JSON is nested too deeply/],
    [
      'of a thousand shards and one',
      JSON.stringify({ weight_map: Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`t${i}`, `s-${i}`])) }),
      /index\.json: The index names too many shards; found 1001; expected at most 1000/,
    ],
  ])('refuses an index %s before it asks for a shard', async (_, index, message) => {
    const path = 'transformer/diffusion_pytorch_model.safetensors.index.json';
    const { list, asked } = server({ ...config, [path]: index });
    await expect(list()).rejects.toThrow(message);
    expect(asked.some((one) => one.includes('s-'))).toBe(false);
  });

  it('follows an index to its shards, and never out of the folder', async () => {
    const index = { weight_map: { a: 's-1.safetensors', b: 's-2.safetensors', c: 's-1.safetensors', d: '../secret' } };
    const { list, asked } = server({
      ...config,
      'transformer/diffusion_pytorch_model.safetensors.index.json': JSON.stringify(index),
      'transformer/s-1.safetensors': 'x',
    });
    expect(await list()).toEqual([
      'transformer/config.json',
      'transformer/diffusion_pytorch_model.safetensors.index.json',
      'transformer/s-1.safetensors',
    ]);
    expect(asked.some((path) => path.includes('secret'))).toBe(false);
  });
});
