import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, it, onTestFinished, test, vi } from 'vitest';
import { sampleTokens, syntheticCalibration } from '../capture/index.ts';
import { goldenCheckpoint } from '../model/golden-fill.ts';
import { openTransformer, parseModelConfig } from '../model/index.ts';
import { goldenQ1 } from '../model/qwen-image/goldens.ts';
import { seededRandom } from '../random.ts';
import { memoryStates, type StateStore } from '../states/index.ts';
import { describePerEngine, startTestEngine } from '../tensor/test-engines.ts';
import { type Analysed, type AnalyseOptions, analyse } from './analyse.ts';

const BLOCKS = 5;
const config = parseModelConfig(JSON.stringify({ ...goldenQ1().config.raw, num_layers: BLOCKS }), 'config.json');
const whole = syntheticCalibration(config, { samples: 18, timesteps: 3, seed: 5 });
const calibration = sampleTokens(whole, 200);

async function analysis(options: AnalyseOptions = {}, of = calibration): Promise<Analysed['analysis']> {
  const transformer = await openTransformer(config, goldenCheckpoint(config));
  try {
    return (await analyse(transformer, of, options)).analysis;
  } finally {
    transformer.dispose();
  }
}

/** Everything but times. */
function figures({ blockMs, stagesMs, ...rest }: Analysed['analysis']) {
  return { ...rest, blocks: blockMs.length, stages: Object.keys(stagesMs).length };
}
const sameAs = (analysed: Analysed['analysis']) => ({ ...figures(analysed), stages: expect.any(Number) });

/** A store whose process dies at the n-th write: nothing of that write or after it happens. */
function dyingAt(store: StateStore, writes: number): StateStore {
  let left = writes;
  const die = async () => {
    left -= 1;
    if (left < 0) throw new Error('killed');
  };
  return {
    ...store,
    get usage() {
      return store.usage;
    },
    create: async (...args) => {
      await die();
      await store.create(...args);
    },
    seal: async (key) => {
      await die();
      await store.seal(key);
    },
    remove: async (key) => {
      await die();
      await store.remove(key);
    },
  };
}

/** In memory, with the keys that are sealed, in order. */
function watchedStore(): { readonly store: StateStore; readonly sealed: readonly string[] } {
  const memory = memoryStates();
  const sealed: string[] = [];
  const store = {
    ...memory,
    get usage() {
      return memory.usage;
    },
    async seal(key: string) {
      sealed.push(key);
      await memory.seal(key);
    },
  };
  return { store, sealed };
}

/** One for each block and batch that runs. */
async function softmaxesOf(run: () => Promise<unknown>): Promise<number> {
  const { kernels, result } = await tf.profile(async () => {
    await run();
    return tf.scalar(0);
  });
  tf.dispose(result);
  return kernels.filter(({ name }) => name === 'Softmax').length;
}

describePerEngine(['wasm', 'tensorflow'], 'an analysis that was interrupted', () => {
  let uninterrupted: Analysed['analysis'];

  beforeAll(async () => {
    uninterrupted = await analysis();
  }, 120_000);

  it('gives the same report from a store, with states of batches on the engine or in the store', async () => {
    expect(figures(await analysis({ store: memoryStates() }))).toEqual(sameAs(uninterrupted));
    expect(figures(await analysis({ store: memoryStates(), engineBytes: 0, surrogateBytes: 0 }))).toEqual(
      sameAs(uninterrupted),
    );
  }, 120_000);

  it('gives the same report at once when it is asked for again, without running a block', async () => {
    const store = memoryStates();
    await analysis({ store });
    const { kernels } = await tf.profile(async () => {
      expect(figures(await analysis({ store }))).toEqual(sameAs(uninterrupted));
      return tf.scalar(0);
    });
    expect(kernels.filter(({ name }) => name === 'Softmax')).toEqual([]);
  }, 120_000);

  it('goes on after a stop in every stage, to the bit', async () => {
    for (const stage of ['capture', 'probes', 'cka', 'trajectories', 'damage']) {
      for (const at of [1, 3]) {
        const store = memoryStates();
        const controller = new AbortController();
        const stopped = analysis({
          store,
          signal: controller.signal,
          onProgress: ({ stage: now, done }) => {
            if (now === stage && done === at) controller.abort();
          },
        });
        await expect(stopped).rejects.toMatchObject({ code: 'cancelled' });
        expect(figures(await analysis({ store }))).toEqual(sameAs(uninterrupted));
      }
    }
  }, 240_000);

  it('goes on after a checkpoint among the surrogates of a stream, to the bit', async () => {
    const few = sampleTokens(whole, 40);
    const expected = figures(await analysis({}, few));
    for (const at of [7, 20]) {
      const { store, sealed } = watchedStore();
      const controller = new AbortController();
      const onProgress: AnalyseOptions['onProgress'] = ({ stage, done }) => {
        if (stage === 'trajectories' && done >= at) controller.abort();
      };
      const stopped = analysis({ store, checkpointMs: 0, signal: controller.signal, onProgress }, few);
      await expect(stopped).rejects.toMatchObject({ code: 'cancelled' });
      expect(sealed.filter((key) => /^sweep\/.*-found$/.test(key)).length).toBeGreaterThan(0);
      expect(figures(await analysis({ store, checkpointMs: 0 }, few))).toEqual({
        ...expected,
        stages: expect.any(Number),
      });
      for (const generation of [0, 1]) expect(await store.shape(`sweep/image-${generation}-found`)).toBeNull();
    }
  }, 240_000);

  it('neither computes nor writes anything of the sweep twice', async () => {
    // Checkpoints come as often as the time that they take allows: after every block with a clock that stands still.
    const clock = vi.spyOn(performance, 'now').mockReturnValue(0);
    onTestFinished(() => clock.mockRestore());
    const damage = { samples: 1, intervals: 0 };
    const whole = await softmaxesOf(() => analysis({ store: memoryStates(), damage }));
    for (const [stage, at] of [
      ['capture', 3],
      ['probes', 3],
      ['capture', BLOCKS],
      ['trajectories', 3],
    ] as const) {
      const { store, sealed } = watchedStore();
      const controller = new AbortController();
      const onProgress: AnalyseOptions['onProgress'] = ({ stage: now, done }) => {
        if (now === stage && done === at) controller.abort();
      };
      const stopped = await softmaxesOf(() =>
        analysis({ store, damage, signal: controller.signal, onProgress }).catch((thrown: unknown) => {
          expect(thrown).toMatchObject({ code: 'cancelled' });
        }),
      );
      const resumed = await softmaxesOf(() => analysis({ store, damage }));
      expect(stopped + resumed, `stopped at ${stage} ${at}`).toBe(whole);
      const lasting = sealed.filter((key) => !key.startsWith('pass/'));
      expect(lasting, `stopped at ${stage} ${at}`).toHaveLength(new Set(lasting).size);
    }
  }, 240_000);

  it('goes on after it was killed at any write, to the bit', async () => {
    const random = seededRandom(11);
    const counter = memoryStates();
    let writes = 0;
    const counting = dyingAt(counter, Number.POSITIVE_INFINITY);
    const count = <Args extends unknown[]>(run: (...args: Args) => Promise<void>) => {
      return (...args: Args) => {
        writes += 1;
        return run(...args);
      };
    };
    const counted = {
      ...counting,
      create: count(counting.create),
      seal: count(counting.seal),
      remove: count(counting.remove),
    };
    Object.defineProperty(counted, 'usage', { get: () => counter.usage });
    await analysis({ store: counted, engineBytes: 0 });
    expect(writes).toBeGreaterThan(50);
    for (let round = 0; round < 8; round++) {
      const store = memoryStates();
      // Killed twice, the second time on its way on.
      for (let kill = 0; kill < 2; kill++) {
        const options = { store: dyingAt(store, random.integer(writes)), engineBytes: round % 2 === 0 ? 0 : undefined };
        await analysis(options).catch((thrown: unknown) => {
          expect(thrown).toMatchObject({ message: 'killed' });
        });
      }
      expect(figures(await analysis({ store }))).toEqual(sameAs(uninterrupted));
    }
  }, 240_000);

  it('measures more samples or intervals later without doing the rest again', async () => {
    const store = memoryStates();
    const few = await analysis({ store, damage: { samples: 1, intervals: 1 } });
    expect(few.settings.damageSamples).toBe(1);
    expect(few.damage).toHaveLength(2);
    expect(figures(await analysis({ store }))).toEqual(sameAs(uninterrupted));
  }, 120_000);
});

test('weights that do not stay are read once for states and probes, and once for each sweep of edits', async () => {
  await startTestEngine('wasm');
  const begun: number[] = [];
  const golden = goldenCheckpoint(config);
  const counted = {
    ...golden,
    readEach(names: readonly string[], aheadBytes?: number) {
      const block = /^transformer_blocks\.(\d+)\./.exec(names[0] ?? '')?.[1];
      if (block !== undefined) begun.push(Number(block));
      return golden.readEach(names, aheadBytes);
    },
  };
  const transformer = await openTransformer(config, counted, { residentBytes: 0 });
  const { analysis: all } = await analyse(transformer, calibration);
  const sweep = [...Array(BLOCKS).keys()];
  expect(all.damage.length).toBeGreaterThan(0);
  expect(begun).toEqual([...sweep, ...sweep]);
  transformer.dispose();
}, 60_000);

test('a report tells how many tokens were read, and of how many', async () => {
  await startTestEngine('wasm');
  const { settings, calibration: facts } = await analysis({ damage: { samples: 1, intervals: 0 } });
  expect(settings.tokens).toBe(200);
  expect(facts.tokens).toEqual({ image: 200, text: 200 });
  expect(facts.validTokens).toEqual({ image: 18 * 64, text: 288 });
  expect(facts.fitTokens.image! + facts.heldOutTokens.image!).toBe(200);
  const all = await analysis({ damage: { samples: 1, intervals: 0 } }, whole);
  expect(all.settings).not.toHaveProperty('tokens');
  expect(all.calibration).not.toHaveProperty('validTokens');
}, 60_000);
