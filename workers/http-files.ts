/**
 * A model's folder on a web server. HTTP has no listing, so the names of diffusers' layout are asked for: the config,
 * then either one weights file or an index and the shards it names, then the companions of a model that can draw.
 */
import type { NamedBlob } from '../lib/core/checkpoint/index.ts';
import { ContiguaError } from '../lib/core/errors.ts';
import type { FileHost } from './files.ts';
import { type Fetch, hostFetch, openHttpBlob } from './http-blob.ts';
import { COMPANIONS } from './model-files.ts';

const CONFIG = 'transformer/config.json';
const WEIGHTS = 'transformer/diffusion_pytorch_model.safetensors';
const INDEX = `${WEIGHTS}.index.json`;

export function httpFiles(fetcher: Fetch = hostFetch): FileHost {
  async function open(folder: string, path: string): Promise<NamedBlob | null> {
    const blob = await openHttpBlob(joinUrl(folder, path), path, fetcher);
    return blob && { path, blob };
  }
  return {
    async openFolder(url) {
      const found = await Promise.all([CONFIG, WEIGHTS, ...Object.values(COMPANIONS)].map((path) => open(url, path)));
      const index = found[1] ? null : await open(url, INDEX);
      const shards = index ? await shardNames(index) : [];
      const opened = await Promise.all(shards.map((name) => open(url, `transformer/${name}`)));
      return [...found, index, ...opened].filter((file) => file !== null);
    },
    async openFile(url, path) {
      const blob = await openHttpBlob(url, path, fetcher);
      if (!blob) throw new ContiguaError('checkpoint-incomplete', 'The server has no such file', { file: path });
      return { path, blob };
    },
    async openStateCache(url) {
      throw keepsNoFiles(url);
    },
    async saveFile(url) {
      throw keepsNoFiles(url);
    },
  };
}

/** Only names: whether the index is sound is the checkpoint reader's question. */
async function shardNames({ blob }: NamedBlob): Promise<string[]> {
  const text = new TextDecoder().decode(await blob.arrayBuffer());
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== 'object' || parsed === null || !('weight_map' in parsed)) return [];
    const names = Object.values(parsed.weight_map ?? {}).filter((name) => typeof name === 'string');
    return [...new Set(names)].filter((name) => /^[\w.-]+$/.test(name));
  } catch {
    return []; // not JSON: the checkpoint reader says so, with the file's name
  }
}

function joinUrl(folder: string, path: string): string {
  return `${folder.replace(/\/+$/, '')}/${path}`;
}

function keepsNoFiles(url: string): ContiguaError {
  return new ContiguaError('not-ready', 'The browser keeps no files', {
    file: url,
    hint: 'Training that is kept runs on the server or in the terminal.',
  });
}
