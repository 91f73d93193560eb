/** Where students and checkpoints are kept: a folder in the data folder, or the bucket that the environment names. */
import { join } from 'node:path';
import type { ServerEnv } from '../env.ts';
import { LocalArtifacts } from './local.ts';
import { S3Artifacts } from './s3.ts';
import type { ArtifactStore } from './store.ts';

export type { ArtifactStore, StoredArtifact, StoredContent } from './store.ts';

export function openArtifactStore({ dataFolder, s3 }: Pick<ServerEnv, 'dataFolder' | 's3'>): ArtifactStore {
  if (s3) return new S3Artifacts(s3, join(dataFolder, 'cache', 'artifacts'));
  return new LocalArtifacts(join(dataFolder, 'artifacts'));
}
