/** What a run will take, before it is started. */
import type { RunEstimate } from '../../core/run/index.ts';
import type { RunRequest } from '../backend.ts';
import type { ServerModels } from '../models.ts';
import type { RunContext } from './context.ts';

export async function estimateRun(_: RunContext, models: ServerModels, request: RunRequest): Promise<RunEstimate> {
  await models.read(request.modelId);
  return { seconds: 0, memoryBytes: 0, diskBytes: 0, basis: '' };
}
