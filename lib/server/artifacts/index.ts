/**
 * Where students and checkpoints are kept, by the environment: nothing set is a folder in the data folder,
 * `CONTIGUA_ARTIFACTS=/big/disk` another one.
 */
import { resolve } from 'node:path';
import { LocalArtifacts } from './local.ts';
import type { ArtifactStore } from './store.ts';

export type { ArtifactStore, StoredArtifact } from './store.ts';

export async function openArtifactStore(
  env: Readonly<Record<string, string | undefined>>,
  dataFolder: string,
): Promise<ArtifactStore> {
  return new LocalArtifacts(resolve(env.CONTIGUA_ARTIFACTS || resolve(dataFolder, 'artifacts')));
}
