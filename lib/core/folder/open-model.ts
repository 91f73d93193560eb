/**
 * From a model's files to a checkpoint that can be computed with: config parsed, inventory read, facts counted, and the
 * companions (scheduler, vocabulary, embeddings) of a model that can draw. Weights themselves are read later, by block.
 */
import { type Checkpoint, type NamedBlob, readText } from '../checkpoint/index.ts';
import { isRecord } from '../is-record.ts';
import { MAX_JSON_BYTES, parseJson } from '../json-text.ts';
import { type ModelConfig, openStoredModel } from '../model/config-index.ts';
import type { SchedulerConfig } from '../sampling/scheduler.ts';
import { type Drawer, openDrawer, openScheduler } from './drawer.ts';
import { locateModel } from './model-files.ts';
import { nameOfPicked } from './model-name.ts';
import { type ModelSummary, summaryOf } from './model-summary.ts';

export interface OpenModel {
  readonly config: ModelConfig;
  readonly checkpoint: Checkpoint;
  readonly drawer: Drawer | null;
  readonly summary: ModelSummary;
  /** Of the pipeline that the transformer came with, read when it is asked for; left out where there is none. */
  readonly scheduler?: () => Promise<SchedulerConfig>;
}

export interface ModelFolder {
  /** Paths relative to the model's root. */
  readonly files: readonly NamedBlob[];
  readonly name: string;
  /** The name is that of the folder that was picked. It may say nothing of the model, as `transformer` does. */
  readonly isPicked?: boolean;
}

export async function openModel(folder: ModelFolder): Promise<OpenModel> {
  const { config: configFile, weights, folder: inside, companions } = locateModel(folder.files, folder.name);
  const { config, checkpoint } = await openStoredModel(configFile, weights);
  const drawer = await openDrawer(companions, config);
  const path = configFile ? inside : `${inside}/${weights[0]?.path}`;
  const name = folder.isPicked ? await pickedName(folder, path, config) : folder.name;
  const { scheduler } = companions;
  return {
    config,
    checkpoint,
    drawer,
    summary: await summaryOf(name, config, checkpoint, drawer),
    ...(scheduler ? { scheduler: () => openScheduler(scheduler) } : {}),
  };
}

async function pickedName({ name, files }: ModelFolder, path: string, { raw, family }: ModelConfig): Promise<string> {
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
