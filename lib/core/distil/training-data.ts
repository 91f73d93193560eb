/**
 * Training batches by number: batch i of a seed is the same on every host, whenever and however often it is asked for,
 * so that a run that was cut off goes on with exactly the batches it would have seen, and needs no saved random state.
 */
import { type GroupedSamples, heldOutOf, spreadSamples } from '../analysis/index.ts';
import { shapesInputs, syntheticInputs } from '../capture/index.ts';
import { ContiguaError } from '../errors.ts';
import { type ModelConfig, pickSamples, type TransformerInputs } from '../model/index.ts';
import { type SeededRandom, seededRandom } from '../random.ts';
import type { HeldOutBy, NoiseLevels } from '../run/index.ts';
import type { SampleAssets } from '../shapes/index.ts';

export interface TrainingBatches {
  /** With a batch's `numberOf`, everything that decides its values: names cached states. */
  readonly key: string;
  /** For people: "fresh captioned pictures, logit-normal noise levels". */
  readonly label: string;
  /** Samples of a batch. */
  readonly batch: number;
  /** So many batches, each once an epoch; null where every index is a new one. */
  readonly distinct: number | null;
  inputs(index: number): TransformerInputs;
  /** Batches of one number are one batch: it comes again where there are only so many distinct ones. */
  numberOf(index: number): number;
  /** Samples that no batch holds, in batches of the same size (the last may be smaller). */
  heldOut(samples: number): readonly TransformerInputs[];
  /** The prompt of each of those samples, as a number of its own. */
  heldOutGroups(samples: number): readonly number[];
  /** Which samples of a file batches hold; absent where they are made afresh. */
  readonly fileSamples?: FileSampleNumbers | undefined;
}

/** Samples by their place in a file. */
export interface FileSampleNumbers {
  /** In the file. */
  readonly count: number;
  of(index: number): ArrayLike<number>;
  /** Of each held-out batch. */
  heldOut(samples: number): readonly ArrayLike<number>[];
}

export interface BatchRequest {
  readonly batch: number;
  readonly seed: number;
  /** That many batches, the same for every seed, in a new order each epoch; null makes a new one for every step. */
  readonly distinctBatches?: number | null;
}

/** As the sample was trained: one caption in ten is dropped, which classifier-free guidance needs to stay right. */
const DROPPED_CAPTIONS = 0.1;

/** Captions, pictures, noise and levels made afresh; without `levels` σ = sigmoid(N(0, 1)), as the sample model was trained. */
export function shapesBatches(
  assets: SampleAssets,
  config: ModelConfig,
  request: BatchRequest,
  levels?: NoiseLevels,
): TrainingBatches {
  return freshBatches('shapes', 'captioned pictures', levels, request, (random, samples) => {
    const timestep = Float32Array.from({ length: samples }, () => levelFrom(random, levels));
    return shapesInputs(assets, config, random, timestep, DROPPED_CAPTIONS);
  });
}

/** Seeded noise for a model that comes without data: a student of these knows nothing of real inputs. */
export function syntheticBatches(config: ModelConfig, request: BatchRequest): TrainingBatches {
  return freshBatches('synthetic', 'SYNTHETIC inputs', undefined, request, (random, samples) =>
    syntheticInputs(config, random, samples, () =>
      Float32Array.from({ length: samples }, () => levelFrom(random, undefined)),
    ),
  );
}

/** A file's samples and the prompt of each. */
export interface FileSamples {
  readonly inputs: TransformerInputs;
  /** [samples] */
  readonly groups: Uint32Array;
}

/**
 * A file's samples, dealt once into held-out ones and batches of equal size, which come in a new order each epoch. Whole
 * prompts are held out, every timestep its share, as in an analysis; a run that an earlier version began (`heldOutBy`
 * undefined) keeps the random samples that it held out. `fingerprint` tells files apart. Throws `calibration-invalid` when
 * there are too few.
 */
export function fileBatches(
  { inputs, groups }: FileSamples,
  fingerprint: string,
  { batch: asked, seed, distinctBatches }: BatchRequest,
  heldOutBy: HeldOutBy | undefined,
): TrainingBatches {
  const { trained, heldOut } =
    heldOutBy === 'prompt-groups'
      ? dealtByPrompts({ groups, levels: Float64Array.from(inputs.timestep) })
      : dealtBySamples(inputs.batch);
  // As many batches as the size asked for needs, of equal size, so that no more samples than batches are left over.
  const full = Math.ceil(trained.length / asked);
  const batch = Math.floor(trained.length / full);
  const fileSamples: FileSampleNumbers = {
    count: groups.length,
    of: (index) => trained.subarray(index * batch, (index + 1) * batch),
    heldOut: (samples) => {
      const measured = heldOut(samples);
      return cut(measured.length, batch).map(({ from, size }) => measured.slice(from, from + size));
    },
  };
  const dealtBatches: TrainingBatches = {
    key: `file ${fingerprint}${heldOutBy ? ` by ${heldOutBy}` : ''} batch ${batch}`,
    label: `${full * batch} samples of a file`,
    batch,
    distinct: full,
    inputs: (index) => pickSamples(inputs, fileSamples.of(index)),
    numberOf: (index) => index,
    heldOut: (samples) => fileSamples.heldOut(samples).map((of) => pickSamples(inputs, of)),
    heldOutGroups: (samples) => Array.from(heldOut(samples), (sample) => groups[sample]!),
    fileSamples,
  };
  return reordered(dealtBatches, Math.min(full, distinctBatches ?? full), seed);
}

/** Samples to train on in the order in which batches take them, and as many to measure on as are asked for and there are. */
interface Deal {
  readonly trained: Uint32Array;
  heldOut(samples: number): ArrayLike<number> & { slice(from: number, to: number): ArrayLike<number> };
}

function dealtByPrompts(samples: GroupedSamples): Deal {
  const heldOut = heldOutOf(samples);
  if (heldOut.length === 0) {
    throw new ContiguaError('calibration-invalid', 'All samples are of one prompt, so that none can be held out', {
      found: `${samples.groups.length} samples of equal text`,
      expected: 'samples of two prompts or more',
      hint: 'Capture more prompts, or tell samples apart by an integer tensor prompt_group, one number per sample.',
    });
  }
  const held = new Set(heldOut);
  const order = shuffled(samples.groups.length, seededRandom(streamSeed(0, TRAINING, 0)));
  return {
    trained: order.filter((sample) => !held.has(sample)),
    heldOut: (count) => spreadSamples(samples, heldOut, count),
  };
}

/** Share of a file's samples that earlier versions kept back for measuring, at most. */
const HELD_OUT_SHARE = 0.25;

/** Prompts are on both sides. Never changed: runs resume with it. */
function dealtBySamples(samples: number): Deal {
  const heldOutCount = Math.floor(samples * HELD_OUT_SHARE);
  const trained = samples - heldOutCount;
  if (heldOutCount === 0) {
    throw new ContiguaError('calibration-invalid', 'Too few samples for training and measuring', {
      found: `${samples} samples`,
      expected: `at least ${Math.ceil(1 / HELD_OUT_SHARE)}`,
      hint: 'Capture more prompts and time steps.',
    });
  }
  const order = shuffled(samples, seededRandom(streamSeed(0, TRAINING, 0)));
  return {
    trained: order.subarray(0, trained),
    heldOut: (count) => order.subarray(trained, trained + Math.min(count, heldOutCount)),
  };
}

function freshBatches(
  kind: string,
  label: string,
  levels: NoiseLevels | undefined,
  { batch, seed, distinctBatches = null }: BatchRequest,
  make: (random: SeededRandom, samples: number) => TransformerInputs,
): TrainingBatches {
  // Batches that come again are the same for every seed, so that runs of different seeds share the teacher's states.
  const dataSeed = distinctBatches === null ? seed : 0;
  const fresh: TrainingBatches = {
    key: `${kind}${levels ? ` ${levels}` : ''} seed ${dataSeed} batch ${batch}`,
    label: distinctBatches === null ? `fresh ${label}` : `${distinctBatches * batch} ${label}`,
    batch,
    distinct: null,
    inputs: (index) => make(seededRandom(streamSeed(dataSeed, TRAINING, index)), batch),
    numberOf: (index) => index,
    // The same samples for every seed, so that runs of different seeds are measured alike.
    heldOut: (samples) =>
      cut(samples, batch).map(({ from, size }) => make(seededRandom(streamSeed(0, HELD_OUT, from)), size)),
    // Each is made with a prompt of its own.
    heldOutGroups: (samples) => Array.from({ length: samples }, (_, sample) => sample),
  };
  return distinctBatches === null ? fresh : reordered(fresh, distinctBatches, seed);
}

/** The first `count` batches, over and over, each epoch in an order of its own. */
function reordered(batches: TrainingBatches, count: number, seed: number): TrainingBatches {
  let known = { epoch: -1, order: new Uint32Array() };
  const numberOf = (index: number): number => {
    const epoch = Math.floor(index / count);
    if (known.epoch !== epoch) {
      known = { epoch, order: shuffled(count, seededRandom(streamSeed(seed, ORDER, epoch))) };
    }
    return known.order[index % count]!;
  };
  const { fileSamples } = batches;
  return {
    ...batches,
    distinct: count,
    inputs: (index) => batches.inputs(numberOf(index)),
    numberOf,
    ...(fileSamples ? { fileSamples: { ...fileSamples, of: (index) => fileSamples.of(numberOf(index)) } } : {}),
  };
}

const TRAINING = 1;
const HELD_OUT = 2;
const ORDER = 3;

/** One number for a seed, a purpose and an index: the index in the low 32 bits, the others in the 21 above. */
function streamSeed(seed: number, purpose: number, index: number): number {
  const mixed = Math.imul((seed | 0) ^ Math.imul(purpose, 0x9e3779b1), 0x85ebca6b) >>> 11;
  return mixed * 2 ** 32 + index;
}

function levelFrom(random: SeededRandom, levels: NoiseLevels | undefined): number {
  if (levels === 'uniform') return random.uniform();
  return 1 / (1 + Math.exp(-random.normal()));
}

function cut(samples: number, size: number): { from: number; size: number }[] {
  return Array.from({ length: Math.ceil(samples / size) }, (_, i) => ({
    from: i * size,
    size: Math.min(size, samples - i * size),
  }));
}

function shuffled(count: number, random: SeededRandom): Uint32Array<ArrayBuffer> {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
