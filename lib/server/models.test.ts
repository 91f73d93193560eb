import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { nodeFiles } from '../compute/folder/node-files.ts';
import { writeSafetensors } from '../core/checkpoint/index.ts';
import { FLUX_LAYOUTS } from '../core/model/flux/original.ts';
import { goldenModel } from '../core/model/golden-fill.ts';
import { originalFile } from '../testing/original-file.ts';
import { servedBytes, startSourceServer } from '../testing/source-server.ts';
import { storedBytes } from '../testing/stored/index.ts';
import { tinyModel } from '../testing/tiny-model.ts';
import { ServerModels, shelfOf } from './models.ts';

const tiny = await tinyModel();
/** Heads of the published size, so that a file says all of it. */
const SINGLE_FILE = {
  _class_name: 'FluxTransformer2DModel',
  attention_head_dim: 128,
  in_channels: 4,
  joint_attention_dim: 8,
  num_attention_heads: 1,
  num_layers: 1,
  num_single_layers: 1,
  pooled_projection_dim: 8,
};
let folder = '';
let models: ServerModels;
const sentences: string[] = [];
beforeEach(async () => {
  sentences.length = 0;
  folder = await mkdtemp(join(tmpdir(), 'contigua-models-'));
  await mkdir(join(folder, 'lab'));
  models = open();
});
afterEach(() => rm(folder, { recursive: true }));
const open = () =>
  new ServerModels(
    [
      { name: 'lab', folder: join(folder, 'lab') },
      { name: 'hub', folder: join(folder, 'hub') },
    ],
    join(folder, 'uploads'),
    (sentence) => sentences.push(sentence),
  );
async function write(path: string, bytes: Uint8Array | string = 'x') {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), bytes);
}
async function writeModel(path: string, files = tiny.files) {
  for (const [name, bytes] of Object.entries(files)) await write(`${path}/${name}`, bytes);
}
const ids = async () => (await models.list()).map(({ id }) => id);

describe('the models of a server', () => {
  it('are the folders below the roots that hold one, a transformer alone or a pipeline', async () => {
    await writeModel('lab/alone');
    await writeModel('lab/deep/er/pipeline/transformer');
    await write('lab/notes/readme.md');
    await write('lab/text-encoder/config.json', '{}');
    expect(await ids()).toEqual(['lab/alone', 'lab/deep/er/pipeline']);
    const [alone] = await models.list();
    expect(alone).toMatchObject({ name: 'alone', numBlocks: 2, drawable: false, calibrations: [] });
    expect(alone?.fingerprint).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(await models.modelFolder('lab/alone')).toBe(`${pathToFileURL(join(folder, 'lab/alone')).href}/`);
  });

  it('are single files of weights too, by the names that links have; other files of weights are left alone', async () => {
    const model = goldenModel(SINGLE_FILE);
    const bytes = await originalFile(model, FLUX_LAYOUTS[0]!);
    await write('lab/unet/flux1-tiny.safetensors', bytes);
    await write('hub/blobs/0123', bytes);
    await mkdir(join(folder, 'hub/snapshots/main'), { recursive: true });
    await symlink('../../blobs/0123', join(folder, 'hub/snapshots/main/flux1-linked.safetensors'));
    await write('lab/loras/style.safetensors', new Uint8Array(writeSafetensors([])));
    await write('lab/unet/cut.gguf', new Uint8Array(storedBytes('flux.gguf').subarray(0, 20_000)));
    await write('lab/unet/calibration.safetensors');
    expect(await ids()).toEqual(['lab/unet/flux1-tiny.safetensors', 'hub/snapshots/main/flux1-linked.safetensors']);
    const [one, linked] = await models.list();
    expect(one).toMatchObject({ name: 'flux1-tiny', numBlocks: 2, calibrations: ['lab/unet/calibration.safetensors'] });
    expect(linked?.fingerprint).toBe(one?.fingerprint);
    expect(await models.modelFolder('lab/unet/flux1-tiny.safetensors')).toBe(
      pathToFileURL(join(folder, 'lab/unet/flux1-tiny.safetensors')).href,
    );
    expect(sentences).toHaveLength(1);
    expect(sentences[0]).toMatch(/lab\/unet\/cut\.gguf is left out.*cut short/);
  });

  it.each([
    [
      'config.json',
      /lab\/huge is left out.*config\.json: The file is too large; found 2,500,000,000 bytes; expected at most 1,048,576 bytes/,
    ],
    [
      'diffusion_pytorch_model.safetensors.index.json',
      /too large; found 2,500,000,000 bytes; expected at most 16,777,216 bytes/,
    ],
  ])('leave out a folder whose %s has 2.5 GB, and list the others', async (path, sentence) => {
    await writeModel('lab/fine');
    const { 'config.json': config } = tiny.files;
    await write('lab/huge/config.json', config ?? '{}');
    await write('lab/huge/diffusion_pytorch_model-00001-of-00001.safetensors');
    await write(`lab/huge/${path}`);
    await truncate(join(folder, 'lab/huge', path), 2.5e9);
    expect(await ids()).toEqual(['lab/fine']);
    expect(sentences).toEqual([expect.stringMatching(sentence)]);
  });

  it('are not drawn with where the vocabulary has 2.5 GB', async () => {
    await writeModel('lab/huge/transformer');
    for (const path of ['scheduler/scheduler_config.json', 'text_encoder/embeddings.safetensors']) {
      await write(`lab/huge/${path}`);
    }
    await write('lab/huge/text_encoder/vocab.json');
    await truncate(join(folder, 'lab/huge/text_encoder/vocab.json'), 2.5e9);
    expect(await models.list()).toMatchObject([{ id: 'lab/huge', drawable: false }]);
  });

  it('are looked for in roots that can be told, with how many each holds and which of them is not there', async () => {
    await writeModel('lab/alone');
    expect(await models.places()).toEqual({
      roots: [
        { name: 'lab', folder: join(folder, 'lab'), models: 1 },
        { name: 'hub', folder: join(folder, 'hub'), models: null },
      ],
      depth: 4,
      leftOut: [],
    });
  });

  it('may be a cache of Hugging Face: links into a folder of the same root', async () => {
    const cached = 'hub/models--Qwen--Qwen-Image';
    const snapshot = `${cached}/snapshots/0123abcd`;
    for (const [name, bytes] of Object.entries(tiny.files)) {
      await write(`${cached}/blobs/${name.length}`, bytes);
      await mkdir(join(folder, snapshot, 'transformer'), { recursive: true });
      await symlink(`../../../blobs/${name.length}`, join(folder, snapshot, 'transformer', name));
    }
    expect(await models.list()).toMatchObject([
      { id: 'hub/models--Qwen--Qwen-Image/snapshots/0123abcd', name: 'Qwen/Qwen-Image', numBlocks: 2 },
    ]);
  });

  it('that are broken are left out and told of once; the others are there', async () => {
    await writeModel('lab/whole');
    await writeModel('lab/cut', { ...tiny.files, 'diffusion_pytorch_model.safetensors': new Uint8Array(20) });
    expect(await ids()).toEqual(['lab/whole']);
    expect(await ids()).toEqual(['lab/whole']);
    expect((await models.places()).leftOut).toEqual(sentences);
    expect(sentences).toHaveLength(1);
    expect(sentences[0]).toMatch(/^lab\/cut is left out of the models: /);
    await expect(models.read('lab/cut')).rejects.toMatchObject({ code: 'safetensors-invalid' });
  });

  it('of which a root has too many are told of', async () => {
    for (let i = 0; i < 203; i++) await write(`lab/many/${i}.gguf`, 'no model');
    const { leftOut } = await models.places();
    expect(leftOut[0]).toBe(
      'lab: 3 more files of weights, after the first 200, were not looked at. Give the models a root of their own in CONTIGUA_MODELS.',
    );
    expect(sentences).toContain(leftOut[0]);
  });

  it('that were refused are not opened again until their files change', async () => {
    const opened = vi.spyOn(nodeFiles, 'openFolder');
    await writeModel('lab/cut', { ...tiny.files, 'config.json': new TextEncoder().encode('{') });
    await write('lab/other.safetensors', writeSafetensors([]));
    const before = [...(await models.places()).leftOut];
    const times = opened.mock.calls.length;
    expect(times).toBeGreaterThan(0);
    expect((await models.places()).leftOut).toEqual(before);
    expect(opened.mock.calls.length).toBe(times);
    await writeModel('lab/cut');
    expect(await ids()).toEqual(['lab/cut']);
    opened.mockRestore();
  });

  it('are read again when their files change, and not before', async () => {
    await writeModel('lab/a');
    const before = await models.read('lab/a');
    const other = await tinyModel((tensors) =>
      tensors.map((tensor) => ({ ...tensor, bytes: tensor.bytes.map((byte, i) => (i % 4 === 0 ? byte ^ 1 : byte)) })),
    );
    expect((await models.read('lab/a')).fingerprint).toBe(before.fingerprint);
    await writeModel('lab/a', other.files);
    expect((await models.read('lab/a')).fingerprint).not.toBe(before.fingerprint);
  });

  it('come with the calibration files beside them and those that were uploaded for their weights', async () => {
    await writeModel('lab/p/transformer');
    await write('lab/p/calibration/night.safetensors');
    await write('lab/p/my-calibration.safetensors');
    await write('lab/p/calibration/notes.txt');
    await write('lab/p/other.safetensors');
    const { fingerprint } = await models.read('lab/p');
    await write(`uploads/${shelfOf(fingerprint)}/mine.safetensors`);
    await write('uploads/0000000000000000/foreign.safetensors');
    const uploaded = `uploads/${shelfOf(fingerprint)}/mine.safetensors`;
    expect((await models.read('lab/p')).calibrations).toEqual([
      'lab/p/calibration/night.safetensors',
      'lab/p/my-calibration.safetensors',
      uploaded,
    ]);
    expect(await models.calibrationFile(uploaded)).toEqual({
      path: uploaded,
      url: pathToFileURL(join(folder, uploaded)).href,
    });
  });
});

describe('a path', () => {
  it.each([
    '../secret',
    'lab/../../secret',
    'lab/./a',
    'lab//a',
    'lab',
    'lab/',
    '/etc',
    'C:\\x',
    'lab/a\\..\\..\\x',
    'lab/a\0',
    'other/a',
    '',
  ])('such as %j is no model and no file', async (id) => {
    await writeModel('secret');
    await expect(models.modelFolder(id)).rejects.toMatchObject({ code: 'path-forbidden' });
    await expect(models.calibrationFile(id)).rejects.toMatchObject({ code: 'path-forbidden' });
  });

  it('that a link leads out of the roots is forbidden, whichever part is the link', async () => {
    await writeModel('secret');
    await write('secret/calibration.safetensors');
    await symlink(join(folder, 'secret'), join(folder, 'lab', 'folder'));
    await writeModel('lab/file');
    await rm(join(folder, 'lab/file/config.json'));
    await symlink(join(folder, 'secret/config.json'), join(folder, 'lab/file/config.json'));
    await writeModel('lab/inner');
    await symlink(join(folder, 'secret'), join(folder, 'lab/inner/calibration'));
    const forbidden = { code: 'path-forbidden' };
    for (const id of ['lab/folder', 'lab/file', 'lab/inner']) {
      await expect(models.modelFolder(id)).rejects.toMatchObject(forbidden);
      await expect(models.read(id)).rejects.toMatchObject(forbidden);
    }
    await expect(models.calibrationFile('lab/folder/calibration.safetensors')).rejects.toMatchObject(forbidden);
    await expect(models.calibrationFile('lab/inner/calibration/calibration.safetensors')).rejects.toMatchObject(
      forbidden,
    );
    expect(await ids()).toEqual([]);
    const refusal = await models.modelFolder('lab/folder').catch((thrown: unknown) => String(thrown));
    expect(refusal).not.toContain(folder);
  });

  it('that only begins like a root is outside of it', async () => {
    await writeModel('lab-secret');
    await symlink(join(folder, 'lab-secret'), join(folder, 'lab', 'a'));
    await expect(models.modelFolder('lab/a')).rejects.toMatchObject({ code: 'path-forbidden' });
  });

  it('that goes round in links ends', async () => {
    await writeModel('lab/sub/a');
    await symlink('..', join(folder, 'lab/sub/up'));
    expect(await ids()).toEqual(['lab/sub/a']);
  });

  it('to nothing says so', async () => {
    await expect(models.modelFolder('lab/none')).rejects.toMatchObject({
      code: 'checkpoint-incomplete',
      details: { file: 'lab/none' },
    });
  });
});

describe('remote models', () => {
  it('are read where the process was told their address, and no other address is asked for', async () => {
    const files = Object.entries(tiny.files).map(
      ([path, bytes]) => [`m/transformer/${path}`, servedBytes(bytes)] as const,
    );
    const server = await startSourceServer(new Map(files));
    try {
      const address = `${server.url}/m`;
      const told = new ServerModels([], join(folder, 'uploads'), () => {}, [address]);
      expect(await told.read(address)).toMatchObject({ id: address, name: 'm', numBlocks: 2, calibrations: [] });
      expect(await told.modelFolder(address)).toBe(address);
      server.asked.length = 0;
      for (const [one, id] of [
        [told, `${address}2`],
        [told, 'hf:lab/model'],
        [models, address],
      ] as const) {
        await expect(one.read(id)).rejects.toMatchObject({ code: 'path-forbidden' });
        await expect(one.modelFolder(id)).rejects.toThrow(/Only the terminal reads remote models/);
      }
      expect(server.asked).toEqual([]);
      expect(await told.list()).toEqual([]);
    } finally {
      await server.close();
    }
  });
});
