/**
 * What edits, parts of blocks and whole choices do to the model's output, measured with the forward pass on held-out samples.
 * Each is a way through the depth; its error is that of all samples together. Where the weights stay on the engine, ways are measured
 * one by one (one-by-one.ts); else side by side (side-by-side.ts), many of them in several sweeps over the blocks: each reads the
 * weights once, and its results are final.
 */
import type { Calibration } from '../capture/index.ts';
import type { NamedPart } from '../detection/index.ts';
import { type EditSet, mappedRunAt, type RunEdit, runsOf } from '../edit/index.ts';
import {
  narrowBlocks,
  narrowStep,
  type StreamProbes,
  stepsOf,
  streamTokens,
  type Transformer,
  type TransformerInputs,
  type WeightSet,
  weightsStay,
} from '../model/index.ts';
import { relativeError, relativeErrorBounds, sampleErrors } from '../relative-error.ts';
import type { EditDamage, PartDamage, SplitRule } from '../report/report.ts';
import { type FittedMaps, listedProbes } from './fitted-maps.ts';
import { evenlySpread } from './golden-ratio.ts';
import { splitRows } from './held-out.ts';
import { DAMAGE_SAMPLES, inputsOfSamples, spreadSamples } from './held-out-inputs.ts';
import { noiseBands } from './noise-bands.ts';
import { blocksOneByOne, runOneByOne } from './one-by-one.ts';
import { Pace } from './pace.ts';
import { runSideBySide } from './side-by-side.ts';
import type { Way, WayStep } from './way.ts';

export interface DamageInputs {
  readonly batches: readonly TransformerInputs[];
  /** Which samples of the calibration they are, in order. */
  readonly samples: readonly number[];
  /** Prompt group of each of them. */
  readonly groups: readonly number[];
  /** Noise band of each of them, and how many bands there are. */
  readonly bandOf: readonly number[];
  readonly bands: number;
  /** Needed for edits by probes and by linear maps. */
  readonly maps: FittedMaps;
  /** The whole model's output per batch; filled at the first measurement, after which only what differs is computed. */
  readonly wholeOutputs: Float32Array[];
}

/** The held-out samples that edits are measured on; any will do where none is held out. */
export function damageInputsOf(
  calibration: Calibration,
  maps: FittedMaps | readonly StreamProbes[],
  rule: SplitRule = 'prompt-groups',
  limit: number = DAMAGE_SAMPLES,
): DamageInputs {
  const { heldOutSamples } = splitRows(calibration, rule);
  const allowed = heldOutSamples.length > 0 ? heldOutSamples : [...calibration.groups.keys()];
  const samples = rule === 'prompt-groups' ? spreadSamples(calibration, allowed, limit) : evenlySpread(allowed, limit);
  const { bands, bandOf } = noiseBands(calibration.levels, heldOutSamples);
  return {
    batches: inputsOfSamples(calibration, samples),
    samples,
    groups: samples.map((sample) => calibration.groups[sample]!),
    bandOf: samples.map(bandOf),
    bands: bands.length,
    maps: 'of' in maps ? maps : listedProbes(maps),
    wholeOutputs: [],
  };
}

export interface EditDamageOptions {
  readonly signal?: AbortSignal | undefined;
  /** Blocks done, of all batches, turns and, where they are measured one by one, ways. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Ways of one turn: side by side in one sweep over the blocks, or with the states that they begin from waiting. All by default. */
  readonly waysAtOnce?: number | undefined;
  /** As soon as the result of a way is final. */
  readonly onMeasured?: (index: number, damage: Damage) => Promise<void> | void;
}

/** What is said of every way. */
export type Damage = Omit<EditDamage, 'edit'>;

/** Each edit alone (by nothing, probes or a linear map; edits may overlap). */
export async function editDamage(
  transformer: Transformer,
  inputs: DamageInputs,
  edits: readonly RunEdit[],
  options: EditDamageOptions = {},
): Promise<EditDamage[]> {
  const ways = edits.map((edit) => wayOf(transformer, [edit]));
  const measured = await damageOfWays(transformer, inputs, ways, options);
  return edits.map((edit, i) => ({ edit, ...measured[i]! }));
}

/** The linear maps of a narrower block on the engine, which the measurement frees. */
export type OpenNarrowMaps = (block: number) => Promise<WeightSet>;

/**
 * All edits together. `openMaps` is asked for the maps of blocks that edits make narrower. `whole` is the model that the output is
 * compared with, where `transformer` has edits in place already, as modulations that its blocks share.
 */
export async function choiceDamage(
  transformer: Transformer,
  inputs: DamageInputs,
  edits: EditSet,
  options: EditDamageOptions = {},
  openMaps: OpenNarrowMaps = noMaps,
  whole: Transformer = transformer,
): Promise<Damage> {
  if (whole !== transformer) await fillWholeOutputs(whole, inputs, options.signal);
  const [measured] = await damageOfWays(transformer, inputs, [wayOf(transformer, edits, openMaps)], options);
  return measured!;
}

/** Each set of edits alone, each with the maps that were fitted for it. */
export async function narrowDamage(
  transformer: Transformer,
  inputs: DamageInputs,
  choices: readonly { readonly edits: EditSet; readonly openMaps: OpenNarrowMaps }[],
  options: EditDamageOptions = {},
): Promise<Damage[]> {
  const ways = choices.map(({ edits, openMaps }) => wayOf(transformer, edits, openMaps));
  return await damageOfWays(transformer, inputs, ways, options);
}

async function fillWholeOutputs(
  transformer: Transformer,
  { batches, wholeOutputs, maps }: DamageInputs,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (batches.every((_, batch) => wholeOutputs[batch])) return;
  // There is no way to yield outputs of.
  await runSideBySide(transformer, batches, wholeOutputs, [], maps, new Pace(signal), () => {}).next();
}

async function noMaps(block: number): Promise<WeightSet> {
  throw new RangeError(`No maps of block ${block} are given`);
}

/** Each part of a block alone. */
export async function partDamage(
  transformer: Transformer,
  inputs: DamageInputs,
  parts: readonly NamedPart[],
  options: EditDamageOptions = {},
): Promise<PartDamage[]> {
  const ways = parts.map(
    ({ block, part }): Way =>
      stepsOf(transformer.config.numBlocks, []).map((step, index) =>
        index !== block ? step : part === 'block' ? null : ({ kind: 'half', index, without: part } as const),
      ),
  );
  const measured = await damageOfWays(transformer, inputs, ways, options);
  return parts.map((named, i) => ({ ...named, ...measured[i]! }));
}

/** Ways whose states wait on the engine at once within `bytes`, beside those of what runs; at least one. */
export function waysWithin(
  bytes: number,
  { batches }: DamageInputs,
  { config, architecture: { streams } }: Transformer,
): number {
  const stateBytes = batches.reduce((sum, inputs) => {
    const tokens = streams.reduce((count, stream) => count + streamTokens(inputs, stream), 0);
    return sum + 4 * inputs.batch * tokens * config.width;
  }, 0);
  return Math.max(1, Math.floor(bytes / Math.max(1, stateBytes)) - 1);
}

/** Fitted maps are looked up when the block that they replace is reached. */
function wayOf({ config, architecture }: Transformer, edits: EditSet, openMaps: OpenNarrowMaps = noMaps): Way {
  const runs = runsOf(edits);
  const narrow = narrowBlocks(architecture, edits);
  return stepsOf(config.numBlocks, runs, { maps: () => ({}) }).map((step, index): WayStep => {
    const run = runs.map((edit) => mappedRunAt(edit, index)).find((one) => one !== null);
    if (run) return { kind: 'fitted', run };
    const block = narrow.get(index);
    if (!step || !block) return step;
    if (block.maps.length === 0) return narrowStep(step, block, null);
    return { kind: 'narrowed', step, block, open: () => openMaps(index) };
  });
}

async function damageOfWays(
  transformer: Transformer,
  { batches, wholeOutputs, groups, bandOf, bands, maps }: DamageInputs,
  ways: readonly Way[],
  { signal, onProgress, waysAtOnce = Number.POSITIVE_INFINITY, onMeasured }: EditDamageOptions,
): Promise<Damage[]> {
  const pace = new Pace(signal);
  const { numBlocks } = transformer.config;
  const turns: (readonly Way[])[] = [];
  for (let from = 0; from < ways.length; from += waysAtOnce) turns.push(ways.slice(from, from + waysAtOnce));
  const isOneByOne = weightsStay(transformer);
  const blocksOf = (some: readonly Way[], turn: number) => {
    if (!isOneByOne) return numBlocks * batches.length;
    const isKnown = batches.map((_, batch) => turn > 0 || wholeOutputs[batch] !== undefined);
    return blocksOneByOne(numBlocks, isKnown, some);
  };
  const total = turns.reduce((sum, some, turn) => sum + blocksOf(some, turn), 0);
  let blocksDone = 0;
  const onBlock = () => onProgress?.(++blocksDone, total);
  const run = isOneByOne ? runOneByOne : runSideBySide;
  const measured: Damage[] = [];
  for (const some of turns) {
    for await (const edited of run(transformer, batches, wholeOutputs, some, maps, pace, onBlock)) {
      const of = edited.flatMap((output, batch) => sampleErrors(wholeOutputs[batch]!, output, batches[batch]!.batch));
      const damage = {
        outputError: relativeError(of),
        bounds: relativeErrorBounds(of, groups),
        bands: Array.from({ length: bands }, (_, band) => relativeError(of.filter((_, i) => bandOf[i] === band))),
      };
      measured.push(damage);
      await onMeasured?.(measured.length - 1, damage);
    }
  }
  return measured;
}
