/** How a host opens what the protocol only names: a model's folder, or one file given by URL. */
import type { NamedBlob } from '../lib/core/checkpoint/index.ts';
import type { FileSource } from './protocol.ts';

export interface FileHost {
  /** The files of a model, paths relative to its root. Files that are not there are simply missing from the list. */
  openFolder(url: string): Promise<readonly NamedBlob[]>;
  openFile(url: string, path: string): Promise<NamedBlob>;
}

export async function openSource(source: FileSource, host: FileHost): Promise<NamedBlob> {
  return 'blob' in source ? source : await host.openFile(source.url, source.path);
}
