/**
 * From a model's files to a checkpoint that can be computed with: config parsed, inventory read, facts counted, and the
 * companions (scheduler, vocabulary, embeddings) of a model that can draw. Weights themselves are read later, by block.
 */
import { type Checkpoint, fingerprintOf, type NamedBlob, openFile, readText } from '../../core/checkpoint/index.ts';
import { ContiguaError } from '../../core/errors.ts';
import { type Companion, locateModel } from '../../core/folder/model-files.ts';
import { nameOfPicked } from '../../core/folder/model-name.ts';
import { isRecord } from '../../core/is-record.ts';
import { MAX_JSON_BYTES, parseJson } from '../../core/json-text.ts';
import {
  architectureOf,
  countParameters,
  embedsGuidance,
  familyNamed,
  type ModelConfig,
  openStoredModel,
} from '../../core/model/config-index.ts';
import { parseSchedulerConfig, type SchedulerConfig } from '../../core/sampling/index.ts';
import {
  CAPTION_TOKENS,
  isShapesVocabulary,
  PATCH_SIZE,
  PICTURE_SIZE,
  type SampleAssets,
} from '../../core/shapes/index.ts';
import type { ModelSource, ModelSummary } from '../protocol.ts';
import type { FileHost } from './file-host.ts';

/** What a model of the sample's grammar needs to draw. */
export interface Drawer {
  readonly assets: SampleAssets;
  readonly scheduler: SchedulerConfig;
  /** Side of the token grid. */
  readonly gridSize: number;
}

export interface OpenModel {
  readonly config: ModelConfig;
  readonly checkpoint: Checkpoint;
  readonly drawer: Drawer | null;
  readonly summary: ModelSummary;
}

export async function openModel(source: ModelSource, host: FileHost): Promise<OpenModel> {
  const files = source.kind === 'url' ? await host.openFolder(source.url) : source.files;
  const { config: configFile, weights, folder, companions } = locateModel(files, source.name);
  const { config, checkpoint } = await openStoredModel(configFile, weights);
  const drawer = await openDrawer(companions, config);
  const name =
    source.kind === 'url'
      ? source.name
      : await pickedName(source, configFile ? folder : `${folder}/${weights[0]?.path}`, config);
  return { config, checkpoint, drawer, summary: await summarise(name, config, checkpoint, drawer) };
}

async function pickedName(
  { name, files }: Extract<ModelSource, { kind: 'files' }>,
  path: string,
  { raw, family }: ModelConfig,
): Promise<string> {
  const pipeline = files.find((file) => /^([^/]+\/)?model_index\.json$/.test(file.path));
  const origins = [raw._name_or_path, pipeline && (await originIn(pipeline))];
  return nameOfPicked(`${name}/${path}`, origins, family);
}

/** `_name_or_path` of a JSON file; none in one that cannot be read: a name is not worth refusing a model for. */
async function originIn(file: NamedBlob): Promise<unknown> {
  const [code, maxBytes] = ['config-invalid', MAX_JSON_BYTES.config] as const;
  try {
    const json = { file: file.path, code, notJson: 'This is not JSON', expected: 'a pipeline of diffusers', maxBytes };
    const parsed = parseJson(await readText(file, { code, maxBytes }), json);
    return isRecord(parsed) ? parsed._name_or_path : null;
  } catch {
    return null;
  }
}

async function summarise(
  name: string,
  config: ModelConfig,
  checkpoint: Checkpoint,
  drawer: Drawer | null,
): Promise<ModelSummary> {
  const parameters = countParameters(config);
  const { blocks, stacks, streams } = architectureOf(config);
  const { identity, nominal } = familyNamed(config.family);
  return {
    name,
    fingerprint: await fingerprintOf(identity, config.raw, checkpoint),
    className: config.className,
    family: config.family,
    numBlocks: config.numBlocks,
    width: config.width,
    numHeads: config.numHeads,
    headDim: config.headDim,
    textDim: config.textDim,
    inChannels: config.inChannels,
    parameters: parameters.total,
    globalParameters: parameters.globals,
    blocks: blocks.map(({ kind, stack, indexInStack, updates, parameters: own, saves }) => ({
      kind,
      stack,
      indexInStack,
      updates,
      parameters: own,
      ...(saves ? { saves: { parameters: saves.parameters } } : {}),
    })),
    stacks,
    streams: streams.map(({ id, label }) => ({ id, label })),
    embedsGuidance: embedsGuidance(config),
    dtypes: dtypesOf(checkpoint),
    sizeBytes: checkpoint.files.reduce((sum, file) => sum + file.sizeBytes, 0),
    files: checkpoint.files.length,
    config: config.raw,
    drawable: drawer !== null,
    tokensPerForward: drawer ? { image: drawer.gridSize ** 2, text: CAPTION_TOKENS } : nominal.tokens,
    picture: drawer ? `${PICTURE_SIZE} × ${PICTURE_SIZE}` : nominal.picture,
  };
}

function dtypesOf({ tensors }: Checkpoint): string[] {
  const elements = new Map<string, number>();
  for (const { dtype, shape } of tensors.values()) {
    elements.set(dtype, (elements.get(dtype) ?? 0) + shape.reduce((product, side) => product * side, 1));
  }
  return [...elements].sort(([, a], [, b]) => b - a).map(([dtype]) => dtype);
}

/** Null for a model without the grammar's companions: it can be analysed, but says nothing in pictures. */
async function openDrawer(
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
    scheduler: parseSchedulerConfig(
      await readText(scheduler, { code: 'config-invalid', maxBytes: MAX_JSON_BYTES.scheduler }),
      scheduler.path,
    ),
    gridSize: PICTURE_SIZE / PATCH_SIZE,
  };
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
