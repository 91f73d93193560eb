import { describe, expect, it } from 'vitest';
import type { Route } from '../model/route.ts';
import type { Transformer, TransformerInputs } from '../model/transformer.ts';
import {
  normPreservingGuidance,
  type PictureRequest,
  parseSchedulerConfig,
  samplePicture,
  seededNoise,
} from './index.ts';

const FEATURES = 4;

/** A model whose velocity is a known function, so that the sampler alone is under test. */
function modelOf(velocity: (x: number, sample: number, inputs: TransformerInputs) => number) {
  const calls: { inputs: TransformerInputs; route: Route | undefined }[] = [];
  const unused = () => {
    throw new Error('The sampler only calls forward');
  };
  const transformer: Transformer = {
    config: {
      family: 'qwen-image',
      className: 'QwenImageTransformer2DModel',
      numBlocks: 2,
      width: 8,
      numHeads: 1,
      headDim: 8,
      textDim: 2,
      inChannels: FEATURES,
      outputFeatures: FEATURES,
      raw: {},
    },
    get architecture() {
      return unused();
    },
    residentBlocks: 2,
    begin: unused,
    conditioned: unused,
    loadBlock: unused,
    prefetchBlock: unused,
    releaseBlocks: unused,
    runBlock: unused,
    runStep: unused,
    readBlock: unused,
    holdBlock: unused,
    applyBlock: unused,
    contextTensors: unused,
    globalTensors: unused,
    project: unused,
    disposeContext: unused,
    dispose: () => {},
    forward: async (inputs, route) => {
      calls.push({ inputs, route });
      const perSample = inputs.imageTokens * FEATURES;
      return inputs.hiddenStates.map((x, i) => velocity(x, Math.floor(i / perSample), inputs));
    },
  };
  return { transformer, calls };
}

function request(changes: Partial<PictureRequest> = {}): PictureRequest {
  return {
    scheduler: parseSchedulerConfig('{}', 'scheduler_config.json'),
    steps: 5,
    guidance: 2,
    seed: 11,
    conditional: { embeddings: Float32Array.of(1, 2, 3, 4), mask: Uint8Array.of(1, 1), pooled: Float32Array.of(0, 0) },
    unconditional: {
      embeddings: Float32Array.of(5, 6, 0, 0),
      mask: Uint8Array.of(1, 0),
      pooled: Float32Array.of(0, 0),
    },
    imageShapes: [[1, 2, 3]],
    ...changes,
  };
}

describe('drawing a picture', () => {
  it('arrives at the picture exactly when the velocity is noise − picture', async () => {
    const noise = seededNoise(11, 6 * FEATURES);
    const picture = 0.25;
    // At level σ, x = picture + σ (noise − picture): any number of Euler steps follows this line.
    const { transformer } = modelOf((x, _, { timestep }) => (x - picture) / timestep[0]!);
    const drawn = await samplePicture(transformer, request());
    expect(drawn).toHaveLength(noise.length);
    for (const value of drawn) expect(value).toBeCloseTo(picture, 5);
  });

  it('asks for the conditional and the unconditional pass as one batch, at the level of the step', async () => {
    const { transformer, calls } = modelOf(() => 1);
    await samplePicture(transformer, request());
    expect(calls).toHaveLength(5);
    expect(calls.map(({ inputs }) => inputs.timestep[1])).toEqual([1, 0.8, 0.6, 0.4, 0.2].map(Math.fround));
    const first = calls[0]!.inputs;
    expect(first).toMatchObject({ batch: 2, imageTokens: 6, textTokens: 2, imageShapes: [[1, 2, 3]] });
    expect([...first.encoderHiddenStates]).toEqual([1, 2, 3, 4, 5, 6, 0, 0]);
    expect([...first.mask!]).toEqual([1, 1, 1, 0]);
    expect(first.hiddenStates.slice(0, 24)).toEqual(first.hiddenStates.slice(24));
    expect(first.hiddenStates.slice(0, 24)).toEqual(seededNoise(11, 24));
  });

  it('takes a single pass when guidance is off', async () => {
    const { transformer, calls } = modelOf(() => 1);
    await samplePicture(transformer, request({ guidance: 1 }));
    expect(calls.every(({ inputs }) => inputs.batch === 1)).toBe(true);
  });

  it('starts from the same noise on every route, and hands the route on', async () => {
    const { transformer, calls } = modelOf(() => 0);
    const route: Route = [{ kind: 'block', index: 1 }];
    const whole = await samplePicture(transformer, request());
    const pruned = await samplePicture(transformer, request({ route }));
    expect(pruned).toEqual(whole);
    expect(calls.at(-1)?.route).toBe(route);
    expect(await samplePicture(transformer, request({ seed: 12 }))).not.toEqual(whole);
  });

  it('refuses to show a picture that is no numbers, and says what to change', async () => {
    const { transformer } = modelOf(() => Number.POSITIVE_INFINITY);
    const route: Route = [{ kind: 'block', index: 0 }];
    await expect(samplePicture(transformer, request({ route }))).rejects.toMatchObject({
      code: 'state-not-finite',
      details: { hint: expect.stringContaining('shorter') },
    });
  });

  it('stops between steps', async () => {
    const controller = new AbortController();
    const { transformer, calls } = modelOf(() => 1);
    const onStep = (done: number) => done === 2 && controller.abort();
    await expect(samplePicture(transformer, request({ signal: controller.signal, onStep }))).rejects.toMatchObject({
      code: 'cancelled',
    });
    expect(calls).toHaveLength(2);
  });
});

describe('norm-preserving guidance', () => {
  it('moves away from the unconditional velocity and keeps the norm of each conditional token', () => {
    const guided = normPreservingGuidance(Float32Array.of(3, 4, 0, 2), Float32Array.of(3, 0, 0, 1), 2, 2);
    // Token 0: [3, 8] rescaled to norm 5; token 1: [0, 3] rescaled to norm 2.
    expect(guided[0]).toBeCloseTo((3 * 5) / Math.sqrt(73), 6);
    expect(guided[1]).toBeCloseTo((8 * 5) / Math.sqrt(73), 6);
    expect(guided[2]).toBe(0);
    expect(guided[3]).toBeCloseTo(2, 6);
  });

  it('is the conditional velocity at a guidance of 1', () => {
    const conditional = Float32Array.of(0.5, -1, 2);
    expect(normPreservingGuidance(conditional, Float32Array.of(1, 1, 1), 1, 3)).toEqual(conditional);
  });

  it('gives zero, not NaN, where guidance cancels the velocity', () => {
    expect([...normPreservingGuidance(Float32Array.of(1, 1), Float32Array.of(2, 2), 2, 2)]).toEqual([0, 0]);
  });
});
