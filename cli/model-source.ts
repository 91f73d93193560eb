/**
 * What a command line names as a model or an input: a path, an http(s) address, or `hf:OWNER/NAME`. A repository is pinned to
 * the commit that its revision means when the command starts, so that all of its processes read the same files.
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { nodeSources } from '../lib/compute/folder/node-sources.ts';
import type { LinkedFile, ModelSource } from '../lib/compute/protocol.ts';
import { nameOfAddress, parseModelAddress } from '../lib/core/folder/model-address.ts';
import { nameInPath } from '../lib/core/folder/model-name.ts';
import type { OptionSpec, Options } from './arguments.ts';
import { tell } from './output.ts';

export const SOURCE_OPTIONS = {
  'cache-dir': { type: 'string' },
  'cache-gb': { type: 'string' },
} as const satisfies OptionSpec;

/** The environment with what the command line says about it, for whatever opens remote files. */
export function sourceEnvironment(args: Options): Record<string, string> {
  const [folder, size] = [args.text('cache-dir'), args.text('cache-gb')];
  return {
    ...(folder === undefined ? {} : { CONTIGUA_CACHE_DIR: resolve(folder) }),
    ...(size === undefined ? {} : { CONTIGUA_CACHE_GB: size }),
  };
}

export function isRemote(text: string): boolean {
  return parseModelAddress(text).kind !== 'path';
}

export async function modelSource(text: string, signal: AbortSignal): Promise<ModelSource & { readonly kind: 'url' }> {
  const address = parseModelAddress(text);
  if (address.kind === 'path') {
    const path = resolve(text);
    return { kind: 'url', url: pathToFileURL(path).href, name: nameInPath(path) ?? path };
  }
  const url = await pinned(text, signal);
  if (address.kind === 'hub') tell(`model: ${url}`);
  return { kind: 'url', url, name: nameOfAddress(address) };
}

export async function linkedFile(text: string, signal: AbortSignal): Promise<LinkedFile> {
  const address = parseModelAddress(text);
  if (address.kind === 'path') return { path: text, url: pathToFileURL(resolve(text)).href };
  if (address.kind === 'http') return { path: new URL(address.url).pathname, url: text };
  const url = await pinned(text, signal);
  tell(`inputs: ${url}`);
  return { path: text, url };
}

async function pinned(text: string, signal: AbortSignal): Promise<string> {
  const sources = nodeSources();
  sources.readUntil?.(signal);
  return await sources.pin(text);
}
