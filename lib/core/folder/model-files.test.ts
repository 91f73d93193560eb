import { describe, expect, it } from 'vitest';
import type { NamedBlob } from '../checkpoint/index.ts';
import { ContiguaError } from '../errors.ts';
import { fileKindOf, locateModel } from './model-files.ts';

const filesAt = (...paths: string[]): NamedBlob[] => paths.map((path) => ({ path, blob: new Blob(['x']) }));
const WEIGHTS = 'diffusion_pytorch_model.safetensors';

function refusal(files: readonly NamedBlob[]): ContiguaError {
  try {
    locateModel(files, 'My model');
  } catch (thrown) {
    if (thrown instanceof ContiguaError) return thrown;
  }
  throw new Error('The files were accepted');
}

describe('finding the parts of a model', () => {
  it.each([
    ['a transformer folder’s files', ''],
    ['a transformer folder', 'transformer/'],
    ['a model’s root', 'Qwen-Image/transformer/'],
    ['a folder of another name', 'pruned/'],
  ])('works in %s', (_, prefix) => {
    const { config, weights } = locateModel(filesAt(`${prefix}config.json`, `${prefix}${WEIGHTS}`), 'My model');
    expect(config?.path).toBe(`${prefix}config.json`);
    expect(weights.map(({ path }) => path)).toEqual([WEIGHTS]);
  });

  it('takes the transformer of a root whose other parts have configs and weights too', () => {
    const { config, weights, companions } = locateModel(
      filesAt(
        'Q/model_index.json',
        'Q/vae/config.json',
        `Q/vae/${WEIGHTS}`,
        'Q/text_encoder/config.json',
        'Q/text_encoder/model.safetensors',
        'Q/text_encoder/vocab.json',
        'Q/scheduler/scheduler_config.json',
        'Q/transformer/config.json',
        `Q/transformer/${WEIGHTS}.index.json`,
        'Q/transformer/diffusion_pytorch_model-00001-of-00002.safetensors',
        'Q/transformer/diffusion_pytorch_model-00002-of-00002.safetensors',
      ),
      'Q',
    );
    expect(config?.path).toBe('Q/transformer/config.json');
    expect(weights).toHaveLength(3);
    expect(companions.scheduler?.path).toBe('Q/scheduler/scheduler_config.json');
    expect(companions.vocabulary?.path).toBe('Q/text_encoder/vocab.json');
    expect(companions.embeddings).toBeNull();
  });

  it('hands every variant of weights on, for the checkpoint reader to choose from', () => {
    const variant = 'diffusion_pytorch_model.fp16.safetensors';
    const index = 'diffusion_pytorch_model.safetensors.index.fp16.json';
    const { weights } = locateModel(filesAt('config.json', WEIGHTS, variant, index), 'My model');
    expect(weights.map(({ path }) => path)).toEqual([WEIGHTS, variant, index]);
  });

  it.each(['flux1-dev.safetensors', 'flux1-dev-Q4_K_S.gguf', 'unet/flux1-dev-Q4_K_S.gguf'])(
    'takes %s alone, whose config comes from its tensors, and leaves a calibration beside it alone',
    (path) => {
      const { config, weights, folder } = locateModel(filesAt(path, 'calibration.safetensors', 'README.md'), 'mine');
      expect(config).toBeNull();
      expect(weights.map((file) => file.path)).toEqual([path.replace('unet/', '')]);
      expect(folder).toBe(path.startsWith('unet') ? 'unet' : '');
    },
  );

  it('hands on the parts of a GGUF file, which are refused as such when they are opened', () => {
    const parts = ['flux1-dev-00001-of-00002.gguf', 'flux1-dev-00002-of-00002.gguf'];
    const { weights } = locateModel(filesAt(...parts), 'mine');
    expect(weights.map(({ path }) => path)).toEqual(parts);
    expect(() => locateModel(filesAt(...parts, 'other.gguf'), 'mine')).toThrow(/more than one file of weights/);
  });

  it('takes a file that a config.json describes', () => {
    const { config, weights } = locateModel(filesAt('m/config.json', 'm/model-Q8_0.gguf'), 'mine');
    expect([config?.path, ...weights.map(({ path }) => path)]).toEqual(['m/config.json', 'model-Q8_0.gguf']);
  });

  it.each<[string, NamedBlob[], string, RegExp]>([
    ['no files', [], 'checkpoint-incomplete', /My model: There are no files/],
    [
      'no config',
      filesAt('weights.bin', 'notes.txt'),
      'config-invalid',
      /no config\.json; found .*notes\.txt; expected config/,
    ],
    [
      'two models',
      filesAt('a/config.json', `a/${WEIGHTS}`, 'b/config.json', `b/${WEIGHTS}`),
      'config-invalid',
      /more than one model.*a\/config\.json, b\/config\.json/,
    ],
    [
      'pickled weights alone',
      filesAt('transformer/config.json', 'transformer/diffusion_pytorch_model.bin'),
      'checkpoint-unsupported',
      /format that is not supported; found diffusion_pytorch_model\.bin.*save_pretrained/,
    ],
    [
      'a config without weights',
      filesAt('transformer/config.json', 'README.md'),
      'checkpoint-incomplete',
      /transformer: There is a config\.json but no weights/,
    ],
    [
      'an index whose shards were not picked',
      filesAt('config.json', `${WEIGHTS}.index.json`),
      'checkpoint-incomplete',
      /no weights beside it/,
    ],
    [
      'two files of weights without a config',
      filesAt('a.safetensors', 'b.gguf'),
      'config-invalid',
      /more than one file of weights here, and no config\.json; found a\.safetensors, b\.gguf.*Pick one/,
    ],
    [
      'an empty GGUF file',
      [{ path: 'a.gguf', blob: new Blob([]) }],
      'gguf-invalid',
      /a\.gguf: The file is empty; found 0 bytes; expected a GGUF file/,
    ],
    [
      'an empty config',
      [{ path: 'config.json', blob: new Blob([]) }, ...filesAt(WEIGHTS)],
      'config-invalid',
      /config\.json: The file is empty; found 0 bytes/,
    ],
    [
      'empty weights',
      [...filesAt('config.json'), { path: WEIGHTS, blob: new Blob([]) }],
      'safetensors-invalid',
      /diffusion_pytorch_model\.safetensors: The file is empty; found 0 bytes; expected a safetensors file/,
    ],
  ])('refuses %s and says what to do', (_, files, code, message) => {
    const error = refusal(files);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });
});

describe('the name at the end of an address', () => {
  it.each([
    ['model/whole.safetensors', 'weights'],
    ['model/whole.gguf', 'weights'],
    ['config.json', 'config'],
    ['configs/reindex.json', 'config'],
    ['model/transformer', null],
    ['notes.txt', null],
  ])('%s says %s', (path, kind) => {
    expect(fileKindOf(path)).toBe(kind);
  });

  it.each(['model_index.json', `transformer/${WEIGHTS}.index.json`, `${WEIGHTS}.index.fp16.json`])(
    '%s is refused',
    (path) => {
      expect(() => fileKindOf(path)).toThrow(new RegExp(`^${path}: This is an index, not a model`));
    },
  );
});
