/** The companions of a model of the sample's grammar: with them, it draws captions of the grammar. */
import { type NamedBlob, openFile, readText } from '../checkpoint/index.ts';
import { ContiguaError } from '../errors.ts';
import { MAX_JSON_BYTES, parseJson } from '../json-text.ts';
import type { ModelConfig } from '../model/config-index.ts';
import { parseSchedulerConfig, type SchedulerConfig } from '../sampling/scheduler.ts';
import { isShapesVocabulary, PATCH_SIZE, PICTURE_SIZE, type SampleAssets } from '../shapes/index.ts';
import type { Companion } from './model-files.ts';

/** What a model of the sample's grammar needs to draw. */
export interface Drawer {
  readonly assets: SampleAssets;
  readonly scheduler: SchedulerConfig;
  /** Side of the token grid. */
  readonly gridSize: number;
}

/** Null for a model without the grammar's companions: it can be analysed, but says nothing in pictures. */
export async function openDrawer(
  { scheduler, vocabulary, embeddings }: Readonly<Record<Companion, NamedBlob | null>>,
  config: ModelConfig,
): Promise<Drawer | null> {
  if (!scheduler || !vocabulary || !embeddings) return null;
  const words = await wordsOf(vocabulary);
  const features = 3 * PATCH_SIZE ** 2;
  const isPicture = config.outputFeatures === features && config.inChannels === features;
  if (!words || !isShapesVocabulary(words) || !isPicture) return null;
  const table = await openFile(embeddings);
  const shape = table.tensors.get('weight')?.shape;
  if (shape?.[0] !== words.length || shape[1] !== config.textDim) {
    throw new ContiguaError('checkpoint-unsupported', 'The text embeddings do not fit the model', {
      file: embeddings.path,
      tensor: 'weight',
      found: shape ? `[${shape.join(', ')}]` : 'no such tensor',
      expected: `[${words.length}, ${config.textDim}]`,
    });
  }
  return {
    assets: {
      vocabulary: words,
      embeddings: await table.readFloat32('weight'),
      positions: table.tensors.has('position') ? await table.readFloat32('position') : null,
      textDim: config.textDim,
    },
    scheduler: await openScheduler(scheduler),
    gridSize: PICTURE_SIZE / PATCH_SIZE,
  };
}

export async function openScheduler(file: NamedBlob): Promise<SchedulerConfig> {
  const text = await readText(file, { code: 'config-invalid', maxBytes: MAX_JSON_BYTES.scheduler });
  return parseSchedulerConfig(text, file.path);
}

/**
 * Null for another model's vocabulary, larger or of another form: a Qwen-Image root has a vocab.json too, with another
 * meaning.
 */
async function wordsOf(file: NamedBlob): Promise<string[] | null> {
  const maxBytes = MAX_JSON_BYTES.vocabulary;
  if (file.blob.size > maxBytes) return null;
  const code = 'config-invalid';
  const text = await readText(file, { code, maxBytes });
  try {
    const notJson = 'The vocabulary is not JSON';
    const words = parseJson(text, { file: file.path, code, notJson, expected: 'a list of words', maxBytes });
    return Array.isArray(words) && words.every((word) => typeof word === 'string') ? words : null;
  } catch {
    return null;
  }
}
