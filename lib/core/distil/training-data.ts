/**
 * Training batches by number: batch i of a seed is the same on every host, whenever and however often it is asked for,
 * so that a run that was cut off goes on with exactly the batches it would have seen, and needs no saved random state.
 */
import { shapesInputs, syntheticInputs } from '../capture/index.ts';
import { ContiguaError } from '../errors.ts';
import { type ModelConfig, pickSamples, type TransformerInputs } from '../model/index.ts';
import { type SeededRandom, seededRandom } from '../random.ts';
import type { SampleAssets } from '../shapes/index.ts';

export interface TrainingBatches {
  /** With a batch's `numberOf`, everything that decides its values: names cached states. */
  readonly key: string;
  /** For people: "fresh captioned pictures, logit-normal noise levels". */
  readonly label: string;
  /** Samples of a batch. */
  readonly batch: number;
  inputs(index: number): TransformerInputs;
  /** Batches of one number are one batch: it comes again where there are only so many distinct ones. */
  numberOf(index: number): number;
  /** Samples that no batch holds, in batches of the same size (the last may be smaller). */
  heldOut(samples: number): readonly TransformerInputs[];
}

export interface BatchRequest {
  readonly batch: number;
  readonly seed: number;
  /** That many batches, the same for every seed, in a new order each epoch; null makes a new one for every step. */
  readonly distinctBatches?: number | null;
}

/** As the sample was trained: one caption in ten is dropped, which classifier-free guidance needs to stay right. */
const DROPPED_CAPTIONS = 0.1;

/** Captions, pictures, noise and levels made afresh: σ = sigmoid(N(0, 1)), as the sample model was trained. */
export function shapesBatches(assets: SampleAssets, config: ModelConfig, request: BatchRequest): TrainingBatches {
  return freshBatches('shapes', 'captioned pictures', request, (random, samples) => {
    const timestep = Float32Array.from({ length: samples }, () => logitNormal(random));
    return shapesInputs(assets, config, random, timestep, DROPPED_CAPTIONS);
  });
}

/** Seeded noise for a model that comes without data: a student of these knows nothing of real inputs. */
export function syntheticBatches(config: ModelConfig, request: BatchRequest): TrainingBatches {
  return freshBatches('synthetic', 'SYNTHETIC inputs', request, (random, samples) =>
    syntheticInputs(config, random, samples, () => Float32Array.from({ length: samples }, () => logitNormal(random))),
  );
}

/** Share of a file's samples that are kept back for measuring, at most. */
const HELD_OUT_SHARE = 0.25;

/**
 * A file's samples, dealt once into held-out ones and batches of equal size, which come in a new order each epoch.
 * `fingerprint` tells files apart. Throws `calibration-invalid` when there are too few.
 */
export function fileBatches(
  all: TransformerInputs,
  fingerprint: string,
  { batch: asked, seed, distinctBatches }: BatchRequest,
): TrainingBatches {
  const heldOutCount = Math.floor(all.batch * HELD_OUT_SHARE);
  const trained = all.batch - heldOutCount;
  if (heldOutCount === 0) {
    throw new ContiguaError('calibration-invalid', 'Too few samples for training and measuring', {
      found: `${all.batch} samples`,
      expected: `at least ${Math.ceil(1 / HELD_OUT_SHARE)}`,
      hint: 'Capture more prompts and time steps.',
    });
  }
  // As many batches as the size asked for needs, of equal size, so that no more samples than batches are left over.
  const full = Math.ceil(trained / asked);
  const batch = Math.floor(trained / full);
  // Files are often in order of prompts or time steps: what is held out is spread over all of them.
  const dealt = shuffled(all.batch, seededRandom(streamSeed(0, TRAINING, 0)));
  const dealtBatches: TrainingBatches = {
    key: `file ${fingerprint} batch ${batch}`,
    label: `${full * batch} samples of a file`,
    batch,
    inputs: (index) => pickSamples(all, dealt.subarray(index * batch, (index + 1) * batch)),
    numberOf: (index) => index,
    heldOut: (samples) =>
      cut(Math.min(samples, heldOutCount), batch).map(({ from, size }) =>
        pickSamples(all, dealt.subarray(trained + from, trained + from + size)),
      ),
  };
  return reordered(dealtBatches, Math.min(full, distinctBatches ?? full), seed);
}

function freshBatches(
  kind: string,
  label: string,
  { batch, seed, distinctBatches = null }: BatchRequest,
  make: (random: SeededRandom, samples: number) => TransformerInputs,
): TrainingBatches {
  // Batches that come again are the same for every seed, so that runs of different seeds share the teacher's states.
  const dataSeed = distinctBatches === null ? seed : 0;
  const fresh: TrainingBatches = {
    key: `${kind} seed ${dataSeed} batch ${batch}`,
    label: distinctBatches === null ? `fresh ${label}` : `${distinctBatches * batch} ${label}`,
    batch,
    inputs: (index) => make(seededRandom(streamSeed(dataSeed, TRAINING, index)), batch),
    numberOf: (index) => index,
    // The same samples for every seed, so that runs of different seeds are measured alike.
    heldOut: (samples) =>
      cut(samples, batch).map(({ from, size }) => make(seededRandom(streamSeed(0, HELD_OUT, from)), size)),
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
  return { ...batches, inputs: (index) => batches.inputs(numberOf(index)), numberOf };
}

const TRAINING = 1;
const HELD_OUT = 2;
const ORDER = 3;

/** One number for a seed, a purpose and an index: the index in the low 32 bits, the others in the 21 above. */
function streamSeed(seed: number, purpose: number, index: number): number {
  const mixed = Math.imul((seed | 0) ^ Math.imul(purpose, 0x9e3779b1), 0x85ebca6b) >>> 11;
  return mixed * 2 ** 32 + index;
}

function logitNormal(random: SeededRandom): number {
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
