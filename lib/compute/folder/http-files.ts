/**
 * A model's folder on a web server. HTTP has no listing, so the names of diffusers' layout are asked for: the config,
 * then either one weights file or an index and the shards it names, then the companions of a model that can draw. The URL
 * of one file of weights, or of a config.json, is that file.
 */
import { type NamedBlob, readJson } from '../../core/checkpoint/index.ts';
import { ContiguaError } from '../../core/errors.ts';
import { COMPANIONS, fileKindOf } from '../../core/folder/model-files.ts';
import { isRecord } from '../../core/is-record.ts';
import { MAX_JSON_BYTES } from '../../core/json-text.ts';
import type { FileHost } from './file-host.ts';
import { openHttpBlob } from './http-blob.ts';
import { type HttpHost, hostFetch } from './http-exchange.ts';
import type { PageStore } from './page-store.ts';
import { DEFAULT_RETRY } from './retry.ts';

const CONFIG = 'transformer/config.json';
const WEIGHTS = 'transformer/diffusion_pytorch_model.safetensors';
const INDEX = `${WEIGHTS}.index.json`;

export type HttpFilesOptions = Partial<HttpHost> & { readonly pages?: PageStore };

export function httpFiles(options: HttpFilesOptions = {}): FileHost {
  let signal: AbortSignal | undefined;
  const host = { fetcher: hostFetch, retry: DEFAULT_RETRY, signal: () => signal, ...options };
  async function open(folder: string, path: string): Promise<NamedBlob | null> {
    const blob = await openHttpBlob({ url: joinUrl(folder, path), path, host });
    return blob && { path, blob };
  }
  return {
    async openFolder(url) {
      const { pathname } = new URL(url, 'http://host');
      if (fileKindOf(pathname)) {
        return [await this.openFile(url, pathname.slice(pathname.lastIndexOf('/') + 1))];
      }
      const found = await Promise.all([CONFIG, WEIGHTS, ...Object.values(COMPANIONS)].map((path) => open(url, path)));
      const index = found[1] ? null : await open(url, INDEX);
      const shards = index ? await shardNames(index) : [];
      const opened = await Promise.all(shards.map((name) => open(url, `transformer/${name}`)));
      return [...found, index, ...opened].filter((file) => file !== null);
    },
    async openFile(url, path) {
      const blob = await openHttpBlob({ url, path, host });
      if (!blob) throw new ContiguaError('checkpoint-incomplete', 'The server has no such file', { file: path });
      return { path, blob };
    },
    readUntil(next) {
      signal = next;
    },
    async openStateCache(url) {
      throw keepsNoFiles(url);
    },
    async openStates(url) {
      throw keepsNoFiles(url);
    },
    async saveFile(url) {
      throw keepsNoFiles(url);
    },
  };
}

/** Each is a request. Large models come in a few dozen. */
const MAX_SHARDS = 1000;

/** Only names: whether the index is sound otherwise is the checkpoint reader's question. */
async function shardNames(index: NamedBlob): Promise<string[]> {
  const { value } = await readJson(index, {
    code: 'safetensors-invalid',
    notJson: 'The index is not JSON',
    expected: 'a JSON object',
    hint: 'The index is damaged; download it again, with its shards.',
    maxBytes: MAX_JSON_BYTES.index,
  });
  const weightMap = isRecord(value) && isRecord(value.weight_map) ? value.weight_map : {};
  const names = new Set(Object.values(weightMap).filter((name) => typeof name === 'string'));
  if (names.size > MAX_SHARDS) {
    throw new ContiguaError('checkpoint-unsupported', 'The index names too many shards', {
      file: index.path,
      found: String(names.size),
      expected: `at most ${MAX_SHARDS}`,
    });
  }
  return [...names].filter((name) => /^[\w.-]+$/.test(name));
}

/** A query stays behind the path: it may be what gives access. */
function joinUrl(folder: string, path: string): string {
  const [, address = '', query = ''] = /^([^?#]*)(\?[^#]*)?/.exec(folder) ?? [];
  return `${address.replace(/\/+$/, '').replace(/\/transformer$/, '')}/${path}${query}`;
}

function keepsNoFiles(url: string): ContiguaError {
  return new ContiguaError('not-ready', 'The browser keeps no files', {
    file: url,
    hint: 'Training that is kept runs on the server or in the terminal.',
  });
}
