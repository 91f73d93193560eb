/** Where students and checkpoints are kept: a folder in the data folder, or the bucket that the environment names. */
import { join } from 'node:path';
import type { ServerEnv } from '../env.ts';
import { LocalArtifacts } from './local.ts';
import type { ArtifactStore } from './store.ts';

export type { ArtifactStore, StoredArtifact } from './store.ts';

export function openArtifactStore({ dataFolder }: Pick<ServerEnv, 'dataFolder' | 's3'>): ArtifactStore {
  return new LocalArtifacts(join(dataFolder, 'artifacts'));
}
