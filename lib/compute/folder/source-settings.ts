/** What the environment says about remote models: the hub and its token, and a folder for what was fetched. */
import { resolve } from 'node:path';
import { ContiguaError } from '../../core/errors.ts';
import type { HubSettings } from './hub-files.ts';

export interface SourceSettings {
  readonly hub: HubSettings;
  /** Null where nothing is kept on disk. */
  readonly cache: { readonly folder: string; readonly sizeBytes: number } | null;
}

const HUB = 'https://huggingface.co';
export const DEFAULT_CACHE_GB = 20;
const MAX_CACHE_GB = 1_000_000;

/** An empty variable is an unset one. A token never becomes part of an error. */
export function sourceSettings(environment: Readonly<Record<string, string | undefined>>): SourceSettings {
  const { HF_TOKEN, HF_ENDPOINT, CONTIGUA_CACHE_DIR, CONTIGUA_CACHE_GB } = environment;
  const token = HF_TOKEN?.trim() || null;
  if (token !== null && !/^[\x21-\x7e]+$/.test(token)) {
    throw refused('HF_TOKEN', 'characters that no token has', 'an access token of Hugging Face');
  }
  return { hub: { endpoint: endpointOf(HF_ENDPOINT), token }, cache: cacheOf(CONTIGUA_CACHE_DIR, CONTIGUA_CACHE_GB) };
}

function endpointOf(text: string | undefined): string {
  if (!text) return HUB;
  const url = URL.canParse(text) ? new URL(text) : null;
  const isPlain = url && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
  if (isPlain && url.search === '' && url.hash === '') return text.replace(/\/+$/, '');
  throw refused('HF_ENDPOINT', 'another text', `an address as ${HUB}`);
}

function cacheOf(folder: string | undefined, size: string | undefined): SourceSettings['cache'] {
  if (!folder) {
    if (!size) return null;
    throw refused('CONTIGUA_CACHE_GB', 'a size without a folder', 'CONTIGUA_CACHE_DIR as well');
  }
  const gigabytes = size ? Number(size) : DEFAULT_CACHE_GB;
  if (gigabytes > 0 && gigabytes <= MAX_CACHE_GB) return { folder: resolve(folder), sizeBytes: gigabytes * 1e9 };
  throw refused('CONTIGUA_CACHE_GB', size ?? '', `a number above 0, at most ${MAX_CACHE_GB}`);
}

function refused(file: string, found: string, expected: string): ContiguaError {
  return new ContiguaError('settings-invalid', 'This environment variable is not readable', { file, found, expected });
}
