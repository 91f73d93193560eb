/**
 * Finds the parts of a model in whatever the user dropped: a `transformer` folder, a model's root with one inside, either
 * below further folders, or one file of weights without a config.json. Decides by names alone; what is in the files is
 * judged when they are read.
 */
import { type NamedBlob, SPLIT_GGUF, WEIGHT_EXTENSIONS } from '../checkpoint/index.ts';
import { ContiguaError } from '../errors.ts';

/** Files beside `transformer/` that make a model drawable, in diffusers' layout. */
export const COMPANIONS = {
  scheduler: 'scheduler/scheduler_config.json',
  vocabulary: 'text_encoder/vocab.json',
  embeddings: 'text_encoder/embeddings.safetensors',
} as const;
export type Companion = keyof typeof COMPANIONS;

export interface ModelFiles {
  /** Null for a single file that came without one. */
  readonly config: NamedBlob | null;
  /** Files of weights and the index of shards, paths relative to the transformer folder. */
  readonly weights: readonly NamedBlob[];
  /** Path of the transformer's folder; empty where that is what was given. */
  readonly folder: string;
  readonly companions: Readonly<Record<Companion, NamedBlob | null>>;
}

const CONFIG = 'config.json';
const OTHER_FORMATS = /\.(bin|pt|pth|ckpt|onnx|msgpack|h5)$/i;
const WEIGHTS_OR_INDEX = /\.(gguf|safetensors(\.index(\.[\w-]+)?\.json)?)$/;
/** Of shards, of a variant of them, and of a pipeline (`model_index.json`). */
const INDEX = /(^|[./_])index(\.[\w-]+)?\.json$/;
/** What may be named as a model, and how. */
export const FILE_OR_FOLDER = `a folder, a file of weights (${WEIGHT_EXTENSIONS.join(' or ')}), or a config.json`;
export const FOLDER_HINT = 'Name the model folder, its `transformer` folder, or one file of a whole transformer.';
const HINT =
  'Pick the `transformer` folder of a diffusers model, with config.json and its .safetensors files, or one .safetensors or .gguf file of a whole transformer.';

/**
 * What an address means by the name that it ends in; null for a folder and for names of other files. A .json by any name is read as a config.json. Throws
 * `checkpoint-incomplete` for the index of a pipeline or of shards.
 */
export function fileKindOf(path: string): 'weights' | 'config' | null {
  if (holdsWeights(path)) return 'weights';
  if (!path.endsWith('.json')) return null;
  if (!INDEX.test(path)) return 'config';
  throw new ContiguaError('checkpoint-incomplete', 'This is an index, not a model', {
    file: path,
    expected: FILE_OR_FOLDER,
    hint: FOLDER_HINT,
  });
}

export function locateModel(files: readonly NamedBlob[], name: string): ModelFiles {
  if (files.length === 0) {
    throw new ContiguaError('checkpoint-incomplete', 'There are no files here', { file: name, hint: HINT });
  }
  const single = singleFile(files, name);
  if (single) return single;
  const folder = transformerFolder(files, name);
  const inFolder = files.filter(({ path }) => folderOf(path) === folder);
  const config = inFolder.find(({ path }) => nameOf(path) === CONFIG);
  if (!config) throw noConfig(files, name);
  const weights = inFolder
    .filter(({ path }) => WEIGHTS_OR_INDEX.test(path))
    .map(({ path, blob }) => ({ path: nameOf(path), blob }));
  if (!weights.some(({ path }) => holdsWeights(path))) throw noWeights(inFolder, folder || name);
  for (const file of [config, ...weights]) refuseEmpty(file);
  const root = folderOf(folder);
  const companion = (path: string) => files.find((file) => file.path === joined(root, path)) ?? null;
  return {
    config,
    weights,
    folder,
    companions: {
      scheduler: companion(COMPANIONS.scheduler),
      vocabulary: companion(COMPANIONS.vocabulary),
      embeddings: companion(COMPANIONS.embeddings),
    },
  };
}

/**
 * The config.json of a model of which nothing else is here: in its folder, or a JSON file on its own. Null where weights lie beside it, in
 * whatever format, or an index says that they should.
 */
export function configWithoutWeights(files: readonly NamedBlob[], name: string): NamedBlob | null {
  const [only, ...others] = files;
  const isLone =
    only !== undefined && others.length === 0 && /\.json$/.test(only.path) && !WEIGHTS_OR_INDEX.test(only.path);
  if (!isLone && !files.some(({ path }) => nameOf(path) === CONFIG)) return null;
  const folder = isLone ? folderOf(only.path) : transformerFolder(files, name);
  const inFolder = files.filter(({ path }) => folderOf(path) === folder);
  if (inFolder.some(({ path }) => WEIGHTS_OR_INDEX.test(path) || OTHER_FORMATS.test(path))) return null;
  const config = isLone ? only : (inFolder.find(({ path }) => nameOf(path) === CONFIG) ?? null);
  if (config) refuseEmpty(config);
  return config;
}

/** Where no folder is described by a config.json: the one file of weights, or null where there are none or shards. */
function singleFile(files: readonly NamedBlob[], name: string): ModelFiles | null {
  if (files.some(({ path }) => nameOf(path) === CONFIG || /\.index(\.[\w-]+)?\.json$/.test(path))) return null;
  const weights = files.filter(({ path }) => holdsWeights(path) && !/calibration/i.test(nameOf(path)));
  const [file] = weights;
  if (!file) return null;
  // Parts of one file, which are refused as such when they are opened.
  const areParts = weights.every(({ path }) => SPLIT_GGUF.test(path));
  if (weights.length > 1 && !areParts) {
    throw new ContiguaError('config-invalid', 'There is more than one file of weights here, and no config.json', {
      file: name,
      found: listed(weights.map(({ path }) => path)),
      expected: 'one file of a whole transformer, or a `transformer` folder with its config.json',
      hint: 'Pick one of the files.',
    });
  }
  for (const one of weights) refuseEmpty(one);
  return {
    config: null,
    weights: weights.map(({ path, blob }) => ({ path: nameOf(path), blob })),
    folder: folderOf(file.path),
    companions: { scheduler: null, vocabulary: null, embeddings: null },
  };
}

function holdsWeights(path: string): boolean {
  return WEIGHT_EXTENSIONS.some((extension) => path.endsWith(extension));
}

/** A model's root holds several config.json, of text encoder and VAE too: the one in `transformer` counts. */
function transformerFolder(files: readonly NamedBlob[], name: string): string {
  const folders = files.filter(({ path }) => nameOf(path) === CONFIG).map(({ path }) => folderOf(path));
  if (folders.length === 0) throw noConfig(files, name);
  const named = folders.filter((folder) => nameOf(folder) === 'transformer');
  if (named.length > 0) return only(named, name);
  const withWeights = folders.filter((folder) =>
    files.some(({ path }) => folderOf(path) === folder && holdsWeights(path)),
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
    expected: `${CONFIG}, or one file of weights alone`,
    hint: HINT,
  });
}

function noWeights(inFolder: readonly NamedBlob[], folder: string): ContiguaError {
  const others = inFolder.filter(({ path }) => OTHER_FORMATS.test(path)).map(({ path }) => nameOf(path));
  if (others.length > 0) {
    return new ContiguaError('checkpoint-unsupported', 'The weights are in a format that is not supported', {
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
    hint: `${HINT} config.json by itself, without an index beside it, can be opened to count and to choose edits by hand.`,
  });
}

function refuseEmpty({ path, blob }: NamedBlob): void {
  if (blob.size > 0) return;
  const isGguf = path.endsWith('.gguf');
  const code =
    path.endsWith('.json') && !WEIGHTS_OR_INDEX.test(path)
      ? 'config-invalid'
      : isGguf
        ? 'gguf-invalid'
        : 'safetensors-invalid';
  throw new ContiguaError(code, 'The file is empty', {
    file: path,
    found: '0 bytes',
    expected: path.endsWith('.json') ? 'JSON' : isGguf ? 'a GGUF file' : 'a safetensors file',
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
