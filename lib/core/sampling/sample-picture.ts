/**
 * Draws pictures from noise: Euler steps over the scheduler's levels with the model's velocity `noise − picture`, and
 * Qwen-Image's true classifier-free guidance, which keeps each token's norm: `v = u + g (c − u)`, then `v ‖c‖ / ‖v‖`.
 * The conditional and the unconditional pass of all pictures are one batch. Seeded: the same prompt and seed start from the same noise
 * whatever the route through the blocks, so that a pruned model's picture can stand beside the whole model's.
 */
import { ContiguaError } from '../errors.ts';
import { completeInputs, embedsGuidance } from '../model/inputs.ts';
import type { Route } from '../model/route.ts';
import type { Transformer, TransformerInputs } from '../model/transformer.ts';
import { pause } from '../pause.ts';
import { seededRandom } from '../random.ts';
import { flowMatchSigmas, type SchedulerConfig } from './scheduler.ts';

/** One encoded prompt. */
export interface TextCondition {
  /** [Nt, textDim] */
  readonly embeddings: Float32Array;
  /** [Nt], 1 = valid. */
  readonly mask: Uint8Array;
  /** Pooled text, for families that take it. */
  readonly pooled: Float32Array;
}

export interface SamplingRequest {
  readonly scheduler: SchedulerConfig;
  readonly steps: number;
  /**
   * Classifier-free guidance with a second pass, which 1 switches off; the scale as an input where the model embeds it
   * (FLUX.1-dev), with one pass.
   */
  readonly guidance: number;
  readonly unconditional: TextCondition;
  readonly imageShapes: NonNullable<TransformerInputs['imageShapes']>;
  /** Blocks and probes to go through; by default every block. */
  readonly route?: Route;
  readonly signal?: AbortSignal;
  readonly onStep?: (done: number, total: number) => void;
}

/** A prompt and the seed of the noise that it starts from. */
export interface SeededPrompt {
  readonly conditional: TextCondition;
  readonly seed: number;
}

export type PictureRequest = SamplingRequest & SeededPrompt;

/** Packed image tokens [Ni, inChannels] of the finished picture. */
export async function samplePicture(transformer: Transformer, request: PictureRequest): Promise<Float32Array> {
  const [picture] = await samplePictures(transformer, [request], request);
  if (!picture) throw new RangeError('One prompt gives one picture');
  return picture;
}

/** Packed image tokens [Ni, inChannels] of each prompt's picture, drawn together; prompts are of one length in tokens. */
export async function samplePictures(
  transformer: Transformer,
  prompts: readonly SeededPrompt[],
  request: SamplingRequest,
): Promise<Float32Array[]> {
  const { inChannels, outputFeatures } = transformer.config;
  if (outputFeatures !== inChannels) {
    throw new ContiguaError('inputs-invalid', 'This model does not draw what it reads', {
      found: `${inChannels} features in, ${outputFeatures} out`,
      expected: 'as many features out as in',
    });
  }
  const imageTokens = request.imageShapes.reduce((sum, [frames, height, width]) => sum + frames * height * width, 0);
  const sigmas = flowMatchSigmas(request.scheduler, request.steps, imageTokens);
  const pictures = prompts.map(({ seed }) => seededNoise(seed, imageTokens * inChannels));
  for (let step = 0; step < request.steps; step++) {
    const [now, then] = [sigmas[step] ?? 0, sigmas[step + 1] ?? 0];
    const velocities = await guidedVelocities(transformer, request, prompts, pictures, imageTokens, now);
    for (const [index, x] of pictures.entries()) {
      const velocity = velocities.subarray(index * x.length, (index + 1) * x.length);
      for (let i = 0; i < x.length; i++) x[i] = x[i]! + (then - now) * velocity[i]!;
    }
    request.onStep?.(step + 1, request.steps);
    await pause(request.signal);
  }
  for (const x of pictures) {
    const broken = x.find((value) => !Number.isFinite(value));
    if (broken === undefined) continue;
    throw new ContiguaError('state-not-finite', 'The picture overflows', {
      found: `${broken} after ${request.steps} steps`,
      expected: 'finite numbers',
      hint: request.route ? 'Too much is taken out: choose shorter or other intervals.' : 'The checkpoint is damaged.',
    });
  }
  return pictures;
}

/** N(0, 1) [length], the same on every engine and host. */
export function seededNoise(seed: number, length: number): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from({ length }, () => random.normal());
}

/** Of all pictures, one after the other. */
async function guidedVelocities(
  transformer: Transformer,
  { unconditional, guidance, imageShapes, route }: SamplingRequest,
  prompts: readonly SeededPrompt[],
  pictures: readonly Float32Array[],
  imageTokens: number,
  sigma: number,
): Promise<Float32Array> {
  const guided = guidance !== 1 && !embedsGuidance(transformer.config);
  const conditions = [
    ...prompts.map(({ conditional }) => conditional),
    ...(guided ? prompts.map(() => unconditional) : []),
  ];
  const batch = conditions.length;
  const inputs = completeInputs(
    {
      hiddenStates: joined(guided ? [...pictures, ...pictures] : pictures),
      imageTokens,
      encoderHiddenStates: joined(conditions.map(({ embeddings }) => embeddings)),
      textTokens: unconditional.mask.length,
      mask: Uint8Array.from(conditions.flatMap(({ mask }) => [...mask])),
      timestep: new Float32Array(batch).fill(sigma),
      imageShapes,
      batch,
    },
    transformer.config,
    { pooled: () => joined(conditions.map(({ pooled }) => pooled)), guidance },
  );
  const velocities = await transformer.forward(inputs, route);
  if (!guided) return velocities;
  const half = velocities.length / 2;
  const features = half / (imageTokens * prompts.length);
  return normPreservingGuidance(velocities.subarray(0, half), velocities.subarray(half), guidance, features);
}

/** `u + g (c − u)`, each token of `features` values rescaled to the norm of its conditional one. */
export function normPreservingGuidance(
  conditional: Float32Array,
  unconditional: Float32Array,
  guidance: number,
  features: number,
): Float32Array {
  const guided = new Float32Array(conditional.length);
  for (let token = 0; token < conditional.length; token += features) {
    let wanted = 0;
    let found = 0;
    for (let i = token; i < token + features; i++) {
      const c = conditional[i]!;
      const u = unconditional[i]!;
      const v = u + guidance * (c - u);
      guided[i] = v;
      wanted += c * c;
      found += v * v;
    }
    const scale = found > 0 ? Math.sqrt(wanted / found) : 0;
    for (let i = token; i < token + features; i++) guided[i] = guided[i]! * scale;
  }
  return guided;
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
