/**
 * The durable backend, in the terminal's own process: the same database, queue and compute processes that the page's server
 * has, for the length of one command. Models and calibrations lie wherever the user keeps them, so their folders become
 * roots for this process; ids, which runs remember, are the same each time.
 */
import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ContiguaError } from '../lib/core/errors.ts';
import type { Backend } from '../lib/server/backend.ts';
import { createBackend } from '../lib/server/create-backend.ts';
import { MAX_SLOTS, type ModelRoot, readEnv, type ServerEnv } from '../lib/server/env.ts';
import type { OptionSpec, Options } from './arguments.ts';
import { isRemote } from './model-source.ts';

export const BACKEND_OPTIONS = {
  'data-folder': { type: 'string' },
  slots: { type: 'string' },
} satisfies OptionSpec;

const BUNDLED_MODELS = fileURLToPath(new URL('../public/models', import.meta.url));

export interface LocalBackend {
  readonly backend: Backend;
  readonly env: ServerEnv;
}

export interface Paths {
  /** Folder of a model, or its `transformer` folder; or a remote address, pinned. */
  readonly model?: string;
  /** Calibration file. */
  readonly data?: string;
  /** States of its samples. */
  readonly boundaries?: string;
}

/** Settings of the process, and the ids of the paths under its roots. */
export interface LocalPaths {
  readonly env: ServerEnv;
  readonly modelId: string | null;
  readonly dataId: string | null;
  readonly boundariesId: string | null;
}

/** `takesJobs` false for commands that only look: none starts while they run. */
export async function localPaths(args: Options, paths: Paths, takesJobs: boolean): Promise<LocalPaths> {
  const env = readEnv(process.env, BUNDLED_MODELS);
  const dataFolder = args.text('data-folder');
  const roots = [...env.modelRoots];
  const remote = paths.model !== undefined && isRemote(paths.model) ? paths.model : null;
  if (remote !== null) assertRemembered(remote);
  const local = remote === null && paths.model !== undefined ? await modelFolder(paths.model) : null;
  const modelId = local === null ? remote : await idUnder(roots, local);
  const fileId = async (path: string | undefined) => (path === undefined ? null : await idUnder(roots, resolve(path)));
  const dataId = await fileId(paths.data);
  const boundariesId = await fileId(paths.boundaries);
  return {
    env: {
      ...env,
      dataFolder: dataFolder === undefined ? env.dataFolder : resolve(dataFolder),
      modelRoots: roots,
      remoteModels: remote === null ? [] : [remote],
      slots: takesJobs ? args.number('slots', env.slots, { min: 1, max: MAX_SLOTS, whole: true }) : 0,
    },
    modelId,
    dataId,
    boundariesId,
  };
}

/** Runs remember the address of their model, for everybody who may see them. */
function assertRemembered(address: string): void {
  if (!/^https?:[^#]*\?/i.test(address)) return;
  throw new ContiguaError('usage', 'A run cannot be of an address with a query, which may hold a secret', {
    hint: 'Download the model, and name its folder.',
  });
}

/** Closes the backend in any case. */
export async function withBackend<T>(env: ServerEnv, use: (backend: Backend) => Promise<T>): Promise<T> {
  const backend = await createBackend(env).catch((thrown: unknown) => {
    throw owned(thrown);
  });
  try {
    return await use(backend);
  } finally {
    await backend.close();
  }
}

/** The same words with the terminal's own way out. */
function owned(thrown: unknown): unknown {
  if (!(thrown instanceof ContiguaError) || thrown.code !== 'database-in-use') return thrown;
  return new ContiguaError(thrown.code, thrown.summary, {
    ...thrown.details,
    hint: 'Stop that process or, if it serves the page, use the page; or name another --data-folder. With PostgreSQL (DATABASE_URL) both can run.',
  });
}

/** `…/Qwen-Image/transformer` is part of the model Qwen-Image. */
async function modelFolder(path: string): Promise<string> {
  const folder = resolve(path);
  const isTransformer = basename(folder) === 'transformer' && (await isFile(join(folder, 'config.json')));
  return isTransformer ? dirname(folder) : folder;
}

/** Adds a root where the path lies under none. Links are followed last, as a root is judged by where it really is. */
async function idUnder(roots: ModelRoot[], path: string): Promise<string> {
  for (const { name, folder } of roots) {
    const inside = relative(folder, path);
    if (inside !== '' && !inside.startsWith('..') && inside !== path) return [name, ...inside.split(sep)].join('/');
  }
  const folder = rootFor(path);
  const name = freeName(roots, basename(folder).replace(/[^A-Za-z0-9._-]+/g, '-') || 'root');
  roots.push({ name, folder });
  // A model that is itself a link to another disk is the user's own word for where it may lead.
  const real = await realpath(path).catch(() => null);
  if (real !== null && real !== path) roots.push({ name: freeName(roots, `${name}-target`), folder: rootFor(real) });
  return [name, ...relative(folder, path).split(sep)].join('/');
}

/** The folder around it; of a Hugging Face cache the folder that holds the blobs too, which its files are links into. */
function rootFor(path: string): string {
  const around = dirname(path);
  return basename(around) === 'snapshots' ? dirname(around) : around;
}

function freeName(roots: readonly ModelRoot[], wanted: string): string {
  let name = wanted;
  for (let i = 2; roots.some((root) => root.name === name); i++) name = `${wanted}-${i}`;
  return name;
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isFile() ?? false;
}
