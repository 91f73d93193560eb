/** Training and held-out batches as one calibration, for a start in closed form: fitted on the first ones, judged on the others. */
import { type Calibration, defaultTokens, sampleTokens } from '../capture/index.ts';
import { familyNamed, streamMask, streamTokens, type Transformer, type TransformerInputs } from '../model/index.ts';
import type { TrainingBatches } from './training-data.ts';

export interface FitSamples {
  readonly calibration: Calibration;
  readonly heldOutSamples: readonly number[];
}

/** Samples to fit on, as few as an analysis takes by default where the model is wide, and enough for every weight of a narrow one. */
const MANY = 256;
const FEW = 64;

export function fitSamples(
  { config, architecture }: Transformer,
  batches: TrainingBatches,
  heldOut: readonly TransformerInputs[],
): FitSamples {
  const isWide = defaultTokens(config.width) !== null;
  const wanted = Math.ceil((isWide ? FEW : MANY) / batches.batch);
  const count = Math.min(wanted, batches.distinct ?? wanted);
  const training = Array.from({ length: count }, (_, index) => batches.inputs(index));
  const all = [...training, ...heldOut];
  const trained = training.reduce((sum, { batch }) => sum + batch, 0);
  const judged = heldOut.reduce((sum, { batch }) => sum + batch, 0);
  const { timeScale } = familyNamed(config.family);
  const levels = Float64Array.from(all.flatMap(({ timestep }) => Array.from(timestep, (time) => time / timeScale)));
  const rows = architecture.streams.map((stream) => {
    let first = 0;
    const samples = all.flatMap((inputs) => {
      const [tokens, mask] = [streamTokens(inputs, stream), streamMask(inputs, stream)];
      const ofBatch = Array.from({ length: inputs.batch * tokens }, (_, row) => first + Math.floor(row / tokens));
      first += inputs.batch;
      return mask ? ofBatch.filter((_, row) => mask[row]) : ofBatch;
    });
    return [stream.id, Uint32Array.from(samples)] as const;
  });
  // Only held-out prompts are told apart, for bounds.
  const groups = [...Array.from({ length: trained }, (_, i) => judged + i), ...batches.heldOutGroups(judged)];
  const calibration: Calibration = {
    facts: { kind: 'file', label: batches.label, seed: null, file: null, samples: levels.length, timesteps: [] },
    batches: all,
    rows: Object.fromEntries(rows),
    groups: Uint32Array.from(groups),
    levels,
  };
  return {
    calibration: sampleTokens(calibration, defaultTokens(config.width)),
    heldOutSamples: Array.from({ length: judged }, (_, i) => trained + i),
  };
}
