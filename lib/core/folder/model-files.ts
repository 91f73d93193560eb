/**
 * Finds the parts of a model in whatever folder the user dropped: a `transformer` folder, a model's root with one inside,
 * or either below further folders. Decides by names alone; what is in the files is judged when they are read.
 */
import type { NamedBlob } from '../checkpoint/index.ts';
import { ContiguaError } from '../errors.ts';

/** Files beside `transformer/` that make a model drawable, in diffusers' layout. */
export const COMPANIONS = {
  scheduler: 'scheduler/scheduler_config.json',
  vocabulary: 'text_encoder/vocab.json',
  embeddings: 'text_encoder/embeddings.safetensors',
} as const;
export type Companion = keyof typeof COMPANIONS;

export interface ModelFiles {
  readonly config: NamedBlob;
  /** Safetensors files and their index, paths relative to the transformer folder. */
  readonly weights: readonly NamedBlob[];
  readonly companions: Readonly<Record<Companion, NamedBlob | null>>;
}

const CONFIG = 'config.json';
const OTHER_FORMATS = /\.(bin|pt|pth|ckpt|gguf|onnx|msgpack|h5)$/i;
const HINT = 'Pick the `transformer` folder of a diffusers model, with config.json and its .safetensors files.';

export function locateModel(files: readonly NamedBlob[], name: string): ModelFiles {
  if (files.length === 0) {
    throw new ContiguaError('checkpoint-incomplete', 'There are no files here', { file: name, hint: HINT });
  }
  const folder = transformerFolder(files, name);
  const inFolder = files.filter(({ path }) => folderOf(path) === folder);
  const config = inFolder.find(({ path }) => nameOf(path) === CONFIG);
  if (!config) throw noConfig(files, name);
  const weights = inFolder
    .filter(({ path }) => /\.safetensors(\.index(\.[\w-]+)?\.json)?$/.test(path))
    .map(({ path, blob }) => ({ path: nameOf(path), blob }));
  if (!weights.some(({ path }) => path.endsWith('.safetensors'))) throw noWeights(inFolder, folder || name);
  for (const file of [config, ...weights]) refuseEmpty(file);
  const root = folderOf(folder);
  const companion = (path: string) => files.find((file) => file.path === joined(root, path)) ?? null;
  return {
    config,
    weights,
    companions: {
      scheduler: companion(COMPANIONS.scheduler),
      vocabulary: companion(COMPANIONS.vocabulary),
      embeddings: companion(COMPANIONS.embeddings),
    },
  };
}

/** A model's root holds several config.json, of text encoder and VAE too: the one in `transformer` counts. */
function transformerFolder(files: readonly NamedBlob[], name: string): string {
  const folders = files.filter(({ path }) => nameOf(path) === CONFIG).map(({ path }) => folderOf(path));
  if (folders.length === 0) throw noConfig(files, name);
  const named = folders.filter((folder) => nameOf(folder) === 'transformer');
  if (named.length > 0) return only(named, name);
  const withWeights = folders.filter((folder) =>
    files.some(({ path }) => folderOf(path) === folder && path.endsWith('.safetensors')),
  );
  return only(withWeights.length > 0 ? withWeights : folders, name);
}

function only(folders: readonly string[], name: string): string {
  const [folder] = folders;
  if (folder !== undefined && folders.length === 1) return folder;
  throw new ContiguaError('config-invalid', 'There is more than one model here', {
    file: name,
    found: folders.map((path) => joined(path, CONFIG)).join(', '),
    expected: 'one transformer',
    hint: 'Pick the folder of one model.',
  });
}

function noConfig(files: readonly NamedBlob[], name: string): ContiguaError {
  return new ContiguaError('config-invalid', 'There is no config.json', {
    file: name,
    found: listed(files.map(({ path }) => path)),
    expected: CONFIG,
    hint: HINT,
  });
}

function noWeights(inFolder: readonly NamedBlob[], folder: string): ContiguaError {
  const others = inFolder.filter(({ path }) => OTHER_FORMATS.test(path)).map(({ path }) => nameOf(path));
  if (others.length > 0) {
    return new ContiguaError('checkpoint-unsupported', 'The weights are not in safetensors format', {
      file: folder,
      found: listed(others),
      expected: 'diffusion_pytorch_model.safetensors, or shards with their index',
      hint: 'Load the model in diffusers and write it with `save_pretrained`, which makes safetensors.',
    });
  }
  return new ContiguaError('checkpoint-incomplete', 'There is a config.json but no weights beside it', {
    file: folder,
    found: listed(inFolder.map(({ path }) => nameOf(path))),
    expected: 'diffusion_pytorch_model.safetensors, or shards with their index',
    hint: HINT,
  });
}

function refuseEmpty({ path, blob }: NamedBlob): void {
  if (blob.size > 0) return;
  throw new ContiguaError(path.endsWith(CONFIG) ? 'config-invalid' : 'safetensors-invalid', 'The file is empty', {
    file: path,
    found: '0 bytes',
    expected: path.endsWith('.json') ? 'JSON' : 'a safetensors file',
    hint: 'It may not have been downloaded completely.',
  });
}

const MAX_LISTED = 4;
function listed(names: readonly string[]): string {
  if (names.length === 0) return 'nothing';
  const more = names.length - MAX_LISTED;
  return names.slice(0, MAX_LISTED).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 0));
}

function joined(folder: string, path: string): string {
  return folder === '' ? path : `${folder}/${path}`;
}
