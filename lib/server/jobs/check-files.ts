/** Whether the files that a run is to be trained on are there, and fit each other, before the run begins. */
import { openAsBlob } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fileDigits, type NamedBlob } from '../../core/checkpoint/index.ts';
import type { BlockInterval } from '../../core/interval/index.ts';
import type { TrainingData } from '../../core/run/index.ts';
import { assertBoundariesFit, openBoundaries } from '../../core/trace/index.ts';
import type { ServerModels } from '../models.ts';

export async function checkFiles(
  { path, boundaries }: Extract<TrainingData, { kind: 'file' }>,
  models: Pick<ServerModels, 'calibrationFile'>,
  fingerprint: string,
  intervals: readonly BlockInterval[],
): Promise<void> {
  const data = await opened(models, path);
  if (boundaries === undefined) return;
  const wanted = { fingerprint, intervals, data: { name: path, digits: await fileDigits(data.blob) } };
  assertBoundariesFit(await openBoundaries(await opened(models, boundaries)), wanted);
}

async function opened(models: Pick<ServerModels, 'calibrationFile'>, id: string): Promise<NamedBlob> {
  const { path, url } = await models.calibrationFile(id);
  return { path, blob: await openAsBlob(fileURLToPath(url)) };
}
