/**
 * Whether a file is a calibration of a model, told without holding it in memory: it is read as `fileCalibration` reads it,
 * a few samples at a time. For whoever keeps a calibration for later, such as a server that receives one.
 */
import {
  type Checkpoint,
  type NamedBlob,
  openFile,
  readRange,
  type TensorInfo,
  tensorBytes,
  writeSafetensors,
} from '../checkpoint/index.ts';
import { ContiguaError } from '../errors.ts';
import { type ExtraInput, extraInputsOf, fitsHiddenStates, type ModelConfig, tokenCounts } from '../model/index.ts';
import type { DType } from '../tensor/dtype.ts';
import { FORWARD_TENSORS, readForwardFile, refuseTooManySamples } from './forward-file.ts';

const PORTION_BYTES = 8 * 2 ** 20;
const CODE = 'calibration-invalid';

/**
 * Rejects as `fileCalibration` would, but for the states of its analysis, which training does not hold at once. An
 * element or sample that it names is counted within the samples that it names too.
 */
export async function checkCalibration(
  file: NamedBlob,
  config: ModelConfig,
  portionBytes = PORTION_BYTES,
): Promise<void> {
  const checkpoint = await openFile(file);
  const extras = extraInputsOf(config);
  const tensors = tensorsOf(checkpoint, extras);
  const shape = checkpoint.tensors.get('hidden_states')?.shape ?? [];
  const fits = fitsHiddenStates(shape, config);
  const { batch: samples, imageTokens } = fits ? tokenCounts(shape, config) : { batch: shape[0] ?? 0, imageTokens: 0 };
  const [, textTokens = 0] = checkpoint.tensors.get('encoder_hidden_states')?.shape ?? [];
  if (imageTokens + textTokens > 0) {
    const counts = { batch: samples, imageTokens, textTokens };
    refuseTooManySamples(counts, config, 'inputs', (summary, tensor, found, expected, hint) => {
      return new ContiguaError(CODE, summary, { file: file.path, tensor, found, expected, ...(hint ? { hint } : {}) });
    });
  }
  const sampleBytes = tensors.reduce((sum, { shape, start, end }) => sum + (shape[0] === samples ? end - start : 0), 0);
  const portion = Math.max(1, Math.floor((portionBytes * samples) / Math.max(1, sampleBytes)));
  if (portion >= samples) return void (await readForwardFile(file, config, CODE, 'inputs'));
  for (let from = 0; from < samples; from += portion) {
    const to = Math.min(samples, from + portion);
    const part = await samplesOf(checkpoint, file, extras, samples, from, to);
    await readForwardFile(part, config, CODE, 'inputs', { from, to }).catch((thrown: unknown) => {
      if (!(thrown instanceof ContiguaError)) throw thrown;
      const found = `${thrown.details.found ?? 'this'} (samples ${from} to ${to - 1} of ${samples})`;
      throw new ContiguaError(thrown.code, thrown.summary, { ...thrown.details, found });
    });
  }
}

/** A file of these samples alone, with what is the same for all of them, one row for every sample included; of a tensor without a row per sample no values, so that its shape is refused as it is. */
async function samplesOf(
  checkpoint: Checkpoint<DType>,
  { path, blob }: NamedBlob,
  extras: readonly ExtraInput[],
  samples: number,
  from: number,
  to: number,
): Promise<NamedBlob> {
  const parts = tensorsOf(checkpoint, extras).map(async ({ name, dtype, shape, start, end }: TensorInfo<DType>) => {
    const ofBatch = shape[0] === 1 || extras.some((extra) => extra.name === name && !extra.perSample);
    if (ofBatch) return { name, dtype, shape, bytes: await readRange(blob, path, start, end) };
    const rowBytes = tensorBytes({ dtype, shape: [1, ...shape.slice(1)] });
    const isPerSample = shape[0] === samples && Number.isInteger(rowBytes) && rowBytes * samples === end - start;
    if (!isPerSample) return { name, dtype, shape: [0, ...shape], bytes: new Uint8Array(0) };
    const bytes = await readRange(blob, path, start + from * rowBytes, start + to * rowBytes);
    return { name, dtype, shape: [to - from, ...shape.slice(1)], bytes };
  });
  return {
    path,
    blob: new Blob([writeSafetensors(await Promise.all(parts), Object.fromEntries(checkpoint.metadata))]),
  };
}

/** Those that are read: a file may hold thousands of others, which no portion shall carry. */
function tensorsOf({ tensors }: Checkpoint<DType>, extras: readonly ExtraInput[]): TensorInfo<DType>[] {
  const names = [...FORWARD_TENSORS, ...extras.map(({ name }) => name)];
  return names.flatMap((name) => tensors.get(name) ?? []);
}
