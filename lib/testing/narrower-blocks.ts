/**
 * What tests of narrower blocks share: a model of one head whose weights are a hash of their place, short settings, a training
 * whose files and reports are kept in memory, and an exported folder that is opened again.
 */
import { type NamedBlob, openCheckpoint } from '../core/checkpoint/index.ts';
import type { TrainMapsOptions } from '../core/distil/index.ts';
import { parseModelConfig } from '../core/model/config-index.ts';
import { type GoldenModel, goldenModel } from '../core/model/golden-fill.ts';
import { type ModelConfig, openTransformer, type Transformer } from '../core/model/index.ts';
import type { VisitedTimesteps } from '../core/modulation/index.ts';
import type { DistilProgress, NarrowResult } from '../core/run/progress.ts';
import { DEFAULT_DISTIL, type DistilSettings } from '../core/run/settings.ts';

/** Of width 16. */
export function oneHeadModel(numBlocks: number): GoldenModel {
  return goldenModel({
    _class_name: 'QwenImageTransformer2DModel',
    patch_size: 2,
    in_channels: 16,
    out_channels: 4,
    num_layers: numBlocks,
    attention_head_dim: 16,
    num_attention_heads: 1,
    joint_attention_dim: 16,
    axes_dims_rope: [8, 4, 4],
  });
}

const levels = (count: number, from: number) => Float32Array.from({ length: count }, (_, i) => from - i / count);

export const TIMESTEPS: VisitedTimesteps = {
  fitted: levels(64, 1),
  heldOut: levels(64, 1 - 1 / 128),
  about: '64 levels',
};

export const SHORT_TRAINING: DistilSettings = {
  ...DEFAULT_DISTIL,
  steps: 6,
  batch: 4,
  warmupSteps: 2,
  learningRate: 1e-3,
  heldOutSamples: 8,
  heldOutEvery: 3,
  checkpointEvery: 2,
};

export async function fileOf(
  path: string,
  parts: AsyncIterable<Uint8Array>,
): Promise<{ readonly path: string; readonly blob: Blob }> {
  const chunks: BlobPart[] = [];
  for await (const part of parts) chunks.push(Uint8Array.from(part));
  return { path, blob: new Blob(chunks) };
}

export interface RecordedTraining {
  /** What it threw where it failed. */
  readonly result: unknown;
  readonly files: ReadonlyMap<string, Blob>;
  readonly events: readonly DistilProgress[];
}

/** Runs a training to its end, or until it is stopped after a step. */
export async function recordTraining(
  train: (host: Pick<TrainMapsOptions, 'save' | 'onProgress' | 'signal' | 'stop'>) => Promise<unknown>,
  stopAfter = Number.POSITIVE_INFINITY,
): Promise<RecordedTraining> {
  const files = new Map<string, Blob>();
  const events: DistilProgress[] = [];
  const stop = new AbortController();
  const result: unknown = await train({
    async save(name, parts) {
      files.set(name, (await fileOf(name, parts)).blob);
      return { url: name, sizeBytes: 0, sha256: '' };
    },
    onProgress(progress, done) {
      events.push(progress);
      if (done >= stopAfter) stop.abort();
    },
    signal: new AbortController().signal,
    stop: stop.signal,
  }).catch((thrown: unknown) => thrown);
  return { result, files, events };
}

export function resultOf({ result }: RecordedTraining): NarrowResult {
  if (result instanceof Error) throw result;
  return result as NarrowResult;
}

export async function bytesOf(blob: Blob | undefined): Promise<Uint8Array> {
  return new Uint8Array(await blob!.arrayBuffer());
}

/** The model of an exported folder; the transformer is the caller's. */
export async function openExported(
  folder: readonly NamedBlob[],
): Promise<{ readonly config: ModelConfig; readonly transformer: Transformer }> {
  const text = await folder.find(({ path }) => path === 'config.json')!.blob.arrayBuffer();
  const config = parseModelConfig(new TextDecoder().decode(text), 'config.json');
  const weights = await openCheckpoint(folder.filter(({ path }) => path.endsWith('.safetensors')));
  return { config, transformer: await openTransformer(config, weights) };
}
