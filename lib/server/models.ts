/**
 * The models that this server may read: folders and single files of weights below configured roots, by ids of the form
 * "<root>/<path>". A path is
 * judged after its links are followed, for every file in it: it has to end below one of the roots. (Downloads of Hugging
 * Face are folders of links into a `blobs` folder of the same root, which that allows.)
 */
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { nodeSources } from '../compute/folder/node-sources.ts';
import type { LinkedFile } from '../compute/protocol.ts';
import { WEIGHT_EXTENSIONS } from '../core/checkpoint/index.ts';
import { asContiguaError, ContiguaError } from '../core/errors.ts';
import { nameOfAddress, parseModelAddress } from '../core/folder/model-address.ts';
import { nameInPath } from '../core/folder/model-name.ts';
import { openModel } from '../core/folder/open-model.ts';
import { countFlops, countParameters, type ModelConfig, type StreamTokens } from '../core/model/config-index.ts';
import type { ModelPlaces, ServerModel } from './backend.ts';
import type { ModelRoot } from './env.ts';

/** A cache of Hugging Face has its models three folders down: models--Qwen--Qwen-Image/snapshots/<revision>. */
const MAX_DEPTH = 4;
const MAX_FOLDERS = 2000;
/** Single files whose headers are looked at, in one root: a folder of LoRAs may hold hundreds of others. */
const MAX_FILES = 200;
/** Name of the root that holds what was uploaded. */
export const UPLOADS = 'uploads';

interface Known {
  /** Names, sizes and times of the files: while they are the same, nothing is read again. */
  readonly looks: string;
  readonly model: Omit<ServerModel, 'calibrations'>;
  readonly config: ModelConfig;
}

export class ServerModels {
  private readonly known = new Map<string, Known>();
  /** What was refused, by id, while its files look the same. */
  private readonly refused = new Map<string, { readonly looks: string; readonly why: ContiguaError }>();
  private readonly told = new Set<string>();
  private readonly roots: readonly ModelRoot[];
  private readonly sources = nodeSources();

  /** `report` hears once why a folder that looks like a model is none. */
  constructor(
    roots: readonly ModelRoot[],
    private readonly uploads: string,
    private readonly report: (sentence: string) => void = () => {},
    /** Addresses, which are their own ids. No other address is ever asked for, whatever a run or a request names. */
    private readonly remote: readonly string[] = [],
  ) {
    this.roots = [...roots.filter(({ name }) => name !== UPLOADS), { name: UPLOADS, folder: uploads }];
  }

  async list(): Promise<readonly ServerModel[]> {
    const found = [];
    for (const root of this.ownRoots()) found.push(...(await this.below(root)).models);
    return found;
  }

  /** For someone whose model is in none of them. */
  async places(): Promise<ModelPlaces> {
    const roots = [];
    const leftOut = [];
    for (const root of this.ownRoots()) {
      const isThere = (await stat(root.folder).catch(() => null))?.isDirectory() ?? false;
      const below = await this.below(root);
      roots.push({ ...root, models: isThere ? below.models.length : null });
      leftOut.push(...below.leftOut);
    }
    return { roots, depth: MAX_DEPTH, leftOut };
  }

  /** Those that models are looked for in; what was uploaded holds calibrations alone. */
  private ownRoots(): readonly ModelRoot[] {
    return this.roots.filter(({ name }) => name !== UPLOADS);
  }

  private async below(root: ModelRoot): Promise<{ models: readonly ServerModel[]; leftOut: readonly string[] }> {
    const models: ServerModel[] = [];
    const { ids, notLookedAt } = await this.search(root);
    const leftOut = notLookedAt.map((sentence) => this.tell(sentence));
    for (const id of ids) {
      try {
        models.push(await this.read(id));
      } catch (thrown) {
        // LoRAs, VAEs and text encoders lie among the models, and are none.
        const isOther = isWeights(id) && thrown instanceof ContiguaError && thrown.code === 'checkpoint-unsupported';
        if (!isOther) leftOut.push(this.leaveOut(id, thrown));
      }
    }
    return { models, leftOut };
  }

  /** Rejects with `path-forbidden`, or with what is wrong with the model. */
  async read(id: string): Promise<ServerModel> {
    const { folder, model } = await this.describe(id);
    const { fingerprint } = model;
    const calibrations = folder === null ? this.uploaded(fingerprint) : this.calibrations(id, folder, fingerprint);
    return { ...model, calibrations: await calibrations };
  }

  async config(id: string): Promise<ModelConfig> {
    return (await this.describe(id)).config;
  }

  /** `file:` URL of a model's folder, with no link left in it, or of its one file in such a folder; or a remote address. */
  async modelFolder(id: string): Promise<string> {
    if (this.remote.includes(id)) return id;
    return urlOf(await this.files(id));
  }

  /** A calibration file, to be opened by a compute process. */
  async calibrationFile(id: string): Promise<LinkedFile> {
    const path = await this.resolve(id);
    if (id.endsWith('.safetensors') && (await stat(path)).isFile()) return { path: id, url: pathToFileURL(path).href };
    throw new ContiguaError('calibration-invalid', 'This is not a calibration file', {
      file: id,
      expected: '.safetensors',
    });
  }

  /** `folder` is null for a remote model. */
  private async describe(id: string): Promise<Known & { folder: string | null }> {
    if (this.remote.includes(id)) {
      // A repository is pinned to its commit. What another address holds, only its bytes say: they are read anew.
      if (!id.startsWith('hf:')) this.known.delete(id);
      return { ...(await this.opened(id, id, id, nameOfRemote(id))), folder: null };
    }
    const { folder, file, looks } = await this.files(id);
    const refused = this.refused.get(id);
    if (refused?.looks === looks) throw refused.why;
    const path = file === null ? folder : join(folder, file);
    const name = nameInPath(path) ?? basename(path);
    try {
      return { ...(await this.opened(id, looks, urlOf({ folder, file }), name)), folder };
    } catch (thrown) {
      if (thrown instanceof ContiguaError) this.refused.set(id, { looks, why: thrown });
      throw thrown;
    }
  }

  private async opened(id: string, looks: string, url: string, name: string): Promise<Known> {
    const known = this.known.get(id);
    if (known?.looks === looks) return known;
    const { config, summary } = await openModel({ files: await this.sources.openFolder(url), name });
    const { fingerprint, numBlocks, parameters, sizeBytes, drawable, tokensPerForward } = summary;
    const costs = costsOf(config, tokensPerForward);
    const read = {
      looks,
      model: { id, name, fingerprint, numBlocks, parameters, sizeBytes, costs, tokensPerForward, drawable },
      config,
    };
    this.known.set(id, read);
    return read;
  }

  /** One unreadable folder does not hide the others. */
  private leaveOut(id: string, thrown: unknown): string {
    return this.tell(`${id} is left out of the models: ${asContiguaError(thrown).message}`);
  }

  /** To the log once, and every time to who asks. */
  private tell(sentence: string): string {
    if (!this.told.has(sentence)) this.report(sentence);
    this.told.add(sentence);
    return sentence;
  }

  /** A folder below a root and all that `nodeFiles` would read in it, every link followed and judged. */
  private async files(id: string): Promise<Place & { looks: string }> {
    const target = await this.resolve(id);
    const isFolder = (await stat(target)).isDirectory();
    if (!isFolder && !isWeights(id)) {
      throw new ContiguaError('checkpoint-incomplete', 'This is a file', {
        file: id,
        expected: `a folder, or a file of weights: ${WEIGHT_EXTENSIONS.join(' or ')}`,
      });
    }
    // A file keeps its name: the one that a link leads to may have none that says what it is.
    const folder = isFolder ? target : await this.insideFolder(dirname(id));
    const file = isFolder ? null : basename(id);
    const names = isFolder ? await namesIn(folder, 2) : await fileAndConfig(folder, basename(id));
    const looks = [];
    for (const path of names) {
      const real = await this.inside(join(folder, path), `${id}/${path}`);
      const { size, mtimeMs } = await stat(real);
      looks.push(`${path} ${size} ${mtimeMs}`);
    }
    return { folder, file, looks: looks.sort().join('\n') };
  }

  private async insideFolder(id: string): Promise<string> {
    const root = this.roots.find(({ name }) => name === id);
    return root ? await this.inside(root.folder, id) : await this.resolve(id);
  }

  /** In a folder `calibration`, or with that word in their names; and what was uploaded for a model of these weights. */
  private async calibrations(id: string, folder: string, fingerprint: string): Promise<readonly string[]> {
    const around = isWeights(id) ? dirname(id) : id;
    const beside = (await namesIn(folder, 2))
      .filter((path) => /^calibration\/[^/]+$|^[^/]*calibration[^/]*$/i.test(path))
      .map((path) => `${around}/${path}`);
    return [...beside.filter((path) => path.endsWith('.safetensors')), ...(await this.uploaded(fingerprint))].sort();
  }

  private async uploaded(fingerprint: string): Promise<readonly string[]> {
    const shelf = shelfOf(fingerprint);
    const names = (await namesIn(join(this.uploads, shelf), 1)).filter((name) => name.endsWith('.safetensors'));
    return names.map((name) => `${UPLOADS}/${shelf}/${name}`).sort();
  }

  private async search(root: ModelRoot): Promise<Found> {
    const ids: string[] = [];
    const seen = new Set<string>();
    let [files, foldersPast] = [0, 0];
    const visit = async (path: string, depth: number): Promise<void> => {
      const id = [root.name, ...path.split(sep).filter(Boolean)].join('/');
      const real = await this.inside(join(root.folder, path), id).catch(() => null);
      if (real === null || seen.has(real)) return;
      if (seen.size >= MAX_FOLDERS) {
        foldersPast++;
        return;
      }
      seen.add(real);
      const entries = await readdir(real, { withFileTypes: true }).catch(() => []);
      const names = new Set(entries.map(({ name }) => name));
      const weights = [...names].filter(isWeights);
      const isModel = names.has('config.json')
        ? weights.length > 0
        : await isFile(join(real, 'transformer', 'config.json'));
      if (isModel && path !== '') ids.push(id);
      if (isModel) return;
      for (const name of weights.filter((one) => !NO_MODEL.test(one))) {
        if (files++ < MAX_FILES) ids.push(`${id}/${name}`);
      }
      if (depth === MAX_DEPTH) return;
      for (const entry of entries) {
        const isFolder = entry.isDirectory() || entry.isSymbolicLink();
        if (isFolder && !entry.name.startsWith('.')) await visit(join(path, entry.name), depth + 1);
      }
    };
    await visit('', 0);
    const notLookedAt = [
      ...(files > MAX_FILES
        ? [notLooked(root, files - MAX_FILES, `files of weights, after the first ${MAX_FILES}`)]
        : []),
      ...(foldersPast > 0 ? [notLooked(root, foldersPast, `folders, after the first ${MAX_FOLDERS}`)] : []),
    ];
    return { ids: ids.sort(), notLookedAt };
  }

  private async resolve(id: string): Promise<string> {
    const [name, ...parts] = id.split('/');
    const root = this.roots.find((candidate) => candidate.name === name);
    const plain = parts.every((part) => part !== '' && part !== '.' && part !== '..' && !/[\\\0]/.test(part));
    if (!root || !plain || parts.length === 0) {
      throw new ContiguaError('path-forbidden', 'This is not below one of the model roots', {
        file: id,
        expected: this.roots.map((candidate) => `${candidate.name}/…`).join(' or '),
        hint: /^(hf|https?):/.test(id)
          ? 'Only the terminal reads remote models, and only those that its command names.'
          : 'CONTIGUA_MODELS names the roots.',
      });
    }
    return await this.inside(join(root.folder, ...parts), id);
  }

  /** The path with its links followed. */
  private async inside(path: string, shownAs: string): Promise<string> {
    const real = await realpath(path).catch((thrown: unknown) => {
      throw new ContiguaError('checkpoint-incomplete', 'There is no such file or folder', {
        file: shownAs,
        found: thrown instanceof Error && 'code' in thrown ? String(thrown.code) : undefined,
      });
    });
    for (const { folder } of this.roots) {
      const base = await realpath(folder).catch(() => null);
      if (base !== null && (real === base || real.startsWith(base.endsWith(sep) ? base : base + sep))) return real;
    }
    throw new ContiguaError('path-forbidden', 'A link leads out of the model roots', {
      file: shownAs,
      hint: 'Copy the file, or name the folder that it lies in as a root in CONTIGUA_MODELS.',
    });
  }
}

interface Found {
  readonly ids: readonly string[];
  /** Sentences about what lies beyond the limits. */
  readonly notLookedAt: readonly string[];
}

function notLooked({ name }: ModelRoot, count: number, what: string): string {
  return `${name}: ${count.toLocaleString('en-US')} more ${what}, were not looked at. Give the models a root of their own in CONTIGUA_MODELS.`;
}

function nameOfRemote(id: string): string {
  const address = parseModelAddress(id);
  return address.kind === 'path' ? id : nameOfAddress(address);
}

interface Place {
  readonly folder: string;
  /** Of a model that is one file. */
  readonly file: string | null;
}

function urlOf({ folder, file }: Place): string {
  return file === null ? `${pathToFileURL(folder).href}/` : pathToFileURL(join(folder, file)).href;
}

/** Shards, calibrations, and what training leaves. */
const NO_MODEL = /calibration|-\d{5}-of-\d{5}\.|^(student|fine-tuned|state-\d+)\.safetensors$/i;

function isWeights(path: string): boolean {
  return WEIGHT_EXTENSIONS.some((extension) => path.endsWith(extension));
}

/** What `nodeFiles` reads where a file is named. */
async function fileAndConfig(folder: string, name: string): Promise<string[]> {
  return (await isFile(join(folder, 'config.json'))) ? [name, 'config.json'] : [name];
}

/** Folder of the uploads for models of these weights. */
export function shelfOf(fingerprint: string): string {
  return fingerprint.replace(/^sha256:/, '').slice(0, 16);
}

/** Files down to `depth` folders, relative, with forward slashes; folders that begin with a dot are left out. */
async function namesIn(folder: string, depth: number): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((thrown: unknown) => {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return [];
    throw thrown;
  });
  const names: string[] = [];
  for (const entry of entries) {
    const linked = entry.isSymbolicLink() ? await stat(join(folder, entry.name)).catch(() => null) : null;
    if (entry.isDirectory() || linked?.isDirectory()) {
      if (depth === 1 || entry.name.startsWith('.')) continue;
      for (const name of await namesIn(join(folder, entry.name), depth - 1)) names.push(`${entry.name}/${name}`);
    } else if (!entry.name.startsWith('.')) names.push(entry.name);
  }
  return names;
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isFile() ?? false;
}

function costsOf(config: ModelConfig, tokens: StreamTokens): ServerModel['costs'] {
  const [parameters, flops] = [countParameters(config), countFlops(config, tokens)];
  return {
    blockParameters: parameters.saved,
    flopsPerForward: flops.total,
    flopsPerBlock: flops.saved,
    // Zeros are left out, and so of all models but few.
    ...(parameters.savedAtEnd ? { parametersAtEnd: parameters.savedAtEnd } : {}),
    ...(flops.savedAtEnd ? { flopsAtEnd: flops.savedAtEnd } : {}),
  };
}
