/**
 * What edits, parts of blocks and whole choices do to the model's output, measured with the forward pass on held-out samples.
 * Each is a way through the depth (side-by-side.ts); its error is that of all samples together.
 */
import type { Calibration } from '../capture/index.ts';
import type { NamedPart } from '../detection/index.ts';
import type { EditSet, RunEdit } from '../edit/index.ts';
import {
  type BlockSteps,
  type StreamProbes,
  stepsOf,
  type Transformer,
  type TransformerInputs,
} from '../model/index.ts';
import { relativeError, relativeErrorBounds, type SampleError, sampleErrors } from '../relative-error.ts';
import type { EditDamage, PartDamage, SplitRule } from '../report/report.ts';
import { evenlySpread } from './golden-ratio.ts';
import { splitRows } from './held-out.ts';
import { DAMAGE_SAMPLES, inputsOfSamples, spreadSamples } from './held-out-inputs.ts';
import { noiseBands } from './noise-bands.ts';
import { Pace } from './pace.ts';
import { runSideBySide } from './side-by-side.ts';

export interface DamageInputs {
  readonly batches: readonly TransformerInputs[];
  /** Which samples of the calibration they are, in order. */
  readonly samples: readonly number[];
  /** Prompt group of each of them. */
  readonly groups: readonly number[];
  /** Noise band of each of them, and how many bands there are. */
  readonly bandOf: readonly number[];
  readonly bands: number;
  /** One per block; needed for edits by probes. */
  readonly probes: readonly StreamProbes[];
  /** The whole model's output per batch; filled at the first measurement, after which only what differs is computed. */
  readonly wholeOutputs: Float32Array[];
}

/** The held-out samples that edits are measured on; any will do where none is held out. */
export function damageInputsOf(
  calibration: Calibration,
  probes: readonly StreamProbes[],
  rule: SplitRule = 'prompt-groups',
): DamageInputs {
  const { heldOutSamples } = splitRows(calibration, rule);
  const allowed = heldOutSamples.length > 0 ? heldOutSamples : [...calibration.groups.keys()];
  const samples =
    rule === 'prompt-groups'
      ? spreadSamples(calibration, allowed, DAMAGE_SAMPLES)
      : evenlySpread(allowed, DAMAGE_SAMPLES);
  const { bands, bandOf } = noiseBands(calibration.levels, heldOutSamples);
  return {
    batches: inputsOfSamples(calibration, samples),
    samples,
    groups: samples.map((sample) => calibration.groups[sample]!),
    bandOf: samples.map(bandOf),
    bands: bands.length,
    probes,
    wholeOutputs: [],
  };
}

export interface EditDamageOptions {
  readonly signal?: AbortSignal | undefined;
  /** Blocks done, of all batches. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** What is said of every way. */
export type Damage = Omit<EditDamage, 'edit'>;

/** Each edit alone (by nothing or by probes; edits may overlap). */
export async function editDamage(
  transformer: Transformer,
  inputs: DamageInputs,
  edits: readonly RunEdit[],
  options: EditDamageOptions = {},
): Promise<EditDamage[]> {
  const { numBlocks } = transformer.config;
  const ways = edits.map((edit) => stepsOf(numBlocks, [edit], { probes: inputs.probes }));
  const measured = await damageOfWays(transformer, inputs, ways, options);
  return edits.map((edit, i) => ({ edit, ...measured[i]! }));
}

/** All edits together. */
export async function choiceDamage(
  transformer: Transformer,
  inputs: DamageInputs,
  edits: EditSet,
  options: EditDamageOptions = {},
): Promise<Damage> {
  const way = stepsOf(transformer.config.numBlocks, edits, { probes: inputs.probes });
  const [measured] = await damageOfWays(transformer, inputs, [way], options);
  return measured!;
}

/** Each part of a block alone. */
export async function partDamage(
  transformer: Transformer,
  inputs: DamageInputs,
  parts: readonly NamedPart[],
  options: EditDamageOptions = {},
): Promise<PartDamage[]> {
  const ways = parts.map(({ block, part }) =>
    stepsOf(transformer.config.numBlocks, []).map((step, index) =>
      index !== block ? step : part === 'block' ? null : ({ kind: 'half', index, without: part } as const),
    ),
  );
  const measured = await damageOfWays(transformer, inputs, ways, options);
  return parts.map((named, i) => ({ ...named, ...measured[i]! }));
}

async function damageOfWays(
  transformer: Transformer,
  { batches, wholeOutputs, groups, bandOf, bands }: DamageInputs,
  ways: readonly BlockSteps[],
  { signal, onProgress }: EditDamageOptions,
): Promise<Damage[]> {
  const pace = new Pace(signal);
  const total = transformer.config.numBlocks * batches.length;
  let blocksDone = 0;
  const onBlock = () => onProgress?.(++blocksDone, total);
  const samples: SampleError[][] = ways.map(() => []);
  for (const [index, inputs] of batches.entries()) {
    const pass = await runSideBySide(transformer, inputs, wholeOutputs[index] ?? null, ways, pace, onBlock);
    wholeOutputs[index] = pass.whole;
    for (const [i, output] of pass.edited.entries()) {
      samples[i]!.push(...sampleErrors(pass.whole, output, inputs.batch));
    }
  }
  return samples.map((of) => ({
    outputError: relativeError(of),
    bounds: relativeErrorBounds(of, groups),
    bands: Array.from({ length: bands }, (_, band) => relativeError(of.filter((_, i) => bandOf[i] === band))),
  }));
}
