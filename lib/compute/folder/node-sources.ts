/**
 * Everything that Node opens, by the form of its address: folders and files of this machine, http(s) addresses, and
 * repositories of Hugging Face (`hf:`). Remote bytes are kept on disk where the environment names a folder for them.
 */
import { formatHubAddress, parseModelAddress } from '../../core/folder/model-address.ts';
import { openDiskPages } from '../stores/disk-pages.ts';
import type { FileHost } from './file-host.ts';
import { type HttpHost, hostFetch } from './http-exchange.ts';
import { httpFiles } from './http-files.ts';
import { type HubFiles, hubFiles } from './hub-files.ts';
import { nodeFiles } from './node-files.ts';
import type { PageStore } from './page-store.ts';
import { DEFAULT_RETRY } from './retry.ts';
import { type SourceSettings, sourceSettings } from './source-settings.ts';

export interface NodeSources extends FileHost {
  /** The address with what it means now: of a repository, the commit. Other addresses come back as they are. */
  pin(address: string): Promise<string>;
}

/** The environment is read when something remote is first opened, and refused then with `settings-invalid`. */
export function nodeSources(
  environment: Readonly<Record<string, string | undefined>> = process.env,
  options: Partial<HttpHost> = {},
): NodeSources {
  let signal: AbortSignal | undefined;
  const host = { fetcher: hostFetch, retry: DEFAULT_RETRY, signal: () => signal, ...options };
  let remote: Promise<{ readonly web: FileHost; readonly hub: HubFiles }> | undefined;
  const opened = () => {
    remote ??= openRemote(sourceSettings(environment), host);
    return remote;
  };
  const parsed = (url: string) => (url.startsWith('file:') ? ({ kind: 'path' } as const) : parseModelAddress(url));

  return {
    async pin(text) {
      const address = parseModelAddress(text);
      return address.kind === 'hub' ? formatHubAddress(await (await opened()).hub.pin(address)) : text;
    },
    async openFolder(url) {
      const address = parsed(url);
      if (address.kind === 'path') return await nodeFiles.openFolder(url);
      const { hub, web } = await opened();
      return address.kind === 'hub' ? await hub.openFolder(address) : await web.openFolder(address.url);
    },
    async openFile(url, path) {
      const address = parsed(url);
      if (address.kind === 'path') return await nodeFiles.openFile(url, path);
      const { hub, web } = await opened();
      return address.kind === 'hub' ? await hub.openFile(address, path) : await web.openFile(address.url, path);
    },
    readUntil(next) {
      signal = next;
    },
    saveFile: nodeFiles.saveFile,
    openStateCache: nodeFiles.openStateCache,
    openStates: nodeFiles.openStates,
  };
}

async function openRemote({ hub, cache }: SourceSettings, host: HttpHost) {
  const pages: PageStore | null =
    cache && (await openDiskPages(cache.folder, cache.sizeBytes, (sentence) => console.error(sentence)));
  const withPages = pages ? { ...host, pages } : host;
  return { web: httpFiles(withPages), hub: hubFiles(hub, withPages) };
}
