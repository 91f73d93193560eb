/** A model folder opened on the engine in use, without a worker around it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openCheckpoint } from '../lib/core/checkpoint/index.ts';
import { openTransformer, parseModelConfig, type Transformer } from '../lib/core/model/index.ts';

/** Of both bundled models. */
export const SAMPLE_FOLDERS = [
  'public/models/shapes-mmdit/transformer',
  'public/models/shapes-flux/transformer',
] as const;

export async function openSample(folder: string): Promise<Transformer> {
  const config = parseModelConfig(await readFile(join(folder, 'config.json'), 'utf8'), 'config.json');
  const path = 'diffusion_pytorch_model.safetensors';
  const checkpoint = await openCheckpoint([{ path, blob: new Blob([await readFile(join(folder, path))]) }]);
  return await openTransformer(config, checkpoint);
}
