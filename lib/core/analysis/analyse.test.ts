import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Calibration, captureStates, syntheticCalibration } from '../capture/index.ts';
import { DEFAULT_DETECTION, type DetectionSettings, detectIntervals, readingProblem } from '../detection/index.ts';
import { probedRun, type RunEdit, type RunReplacement, runEdit, runEdits } from '../edit/index.ts';
import { formatIntervalKey } from '../interval/index.ts';
import { goldenCheckpoint } from '../model/golden-fill.ts';
import {
  BLOCK_HALVES,
  openTransformer,
  parseModelConfig,
  probeMaps,
  type Route,
  routeOf,
  type StreamProbes,
  sliceSamples,
  type Transformer,
} from '../model/index.ts';
import { goldenQ1 } from '../model/qwen-image/goldens.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { type Analysed, analyse } from './analyse.ts';
import { choiceDamage, damageInputsOf, editDamage, partDamage } from './edit-damage.ts';
import { fitMaps } from './fit-probes.ts';
import { splitRows } from './held-out.ts';
import { inputsOfSamples } from './held-out-inputs.ts';
import type { AnalysisProgress } from './progress.ts';
import { probesOf } from './stored-probes.ts';

const BLOCKS = 4;

function openSmall(): Promise<Transformer> {
  const config = parseModelConfig(JSON.stringify({ ...goldenQ1().config.raw, num_layers: BLOCKS }), 'config.json');
  return openTransformer(config, goldenCheckpoint(config));
}

function squareOf(values: Float32Array, other?: Float32Array): number {
  return values.reduce((sum, value, i) => sum + (value - (other?.[i] ?? 0)) ** 2, 0);
}

const detectionKey = ({ estimator, start, target }: Pick<DetectionSettings, 'estimator' | 'start' | 'target'>) =>
  [estimator, start, target].join();

function numbersIn(value: unknown): number[] {
  if (typeof value === 'number') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(numbersIn) : [];
}

describePerEngine(['wasm', 'tensorflow'], 'an analysis', () => {
  let transformer: Transformer;
  let calibration: Calibration;
  let analysed: Analysed;
  let fitted: readonly StreamProbes[];
  const progress: AnalysisProgress[] = [];
  let tensorsBefore = 0;
  let tensorsAfter = 0;
  const damageOf = (edits: readonly RunEdit[], model = transformer, { maps } = analysed) =>
    editDamage(model, damageInputsOf(calibration, maps), edits);

  beforeAll(async () => {
    transformer = await openSmall();
    calibration = syntheticCalibration(transformer.config, { samples: 6, timesteps: 2, seed: 5 });
    // The first pass reads weights, which may stay resident.
    await transformer.forward(calibration.batches[0]!);
    tensorsBefore = tf.memory().numTensors;
    analysed = await analyse(transformer, calibration, { onProgress: (step) => progress.push(step) });
    tensorsAfter = tf.memory().numTensors;
    fitted = await probesOf(analysed.maps, Array(BLOCKS).keys());
  }, 120_000);

  it('reports every block of both streams', () => {
    const { analysis } = analysed;
    expect(fitted.map((probes) => Object.keys(probes))).toEqual(Array(BLOCKS).fill(['image', 'text']));
    expect(analysis.blockMs).toHaveLength(BLOCKS);
    for (const [name, stream] of Object.entries(analysis.streams)) {
      expect(stream.probeR2).toHaveLength(BLOCKS);
      expect(stream.probeError).toHaveLength(BLOCKS);
      for (let i = 0; i < BLOCKS; i++) {
        // The last block does not update the text.
        expect(stream.similarity.all!.cka.debiased[i]![i]).toBe(name === 'text' && i === BLOCKS - 1 ? null : 1);
        for (let j = 0; j < BLOCKS; j++) {
          expect(stream.similarity.all!.cka.debiased[i]![j]).toBe(stream.similarity.all!.cka.debiased[j]![i]);
        }
      }
    }
    expect(numbersIn(analysis).every(Number.isFinite)).toBe(true);
    expect(JSON.parse(JSON.stringify(analysis))).toEqual(analysis);
  });

  it('tells of each interval as soon as it is measured', () => {
    const told = progress.flatMap(({ partial }) => (partial?.kind === 'damage' ? [partial] : []));
    expect(told.length).toBeGreaterThan(0);
    expect(told.map(({ edit, outputError }) => ({ edit, outputError }))).toEqual(
      analysed.analysis.damage.map(({ edit, outputError }) => ({ edit, outputError })),
    );
  });

  it('says on how many tokens it stands, whole samples held out', () => {
    const { tokens, fitTokens, heldOutTokens, samples } = analysed.analysis.calibration;
    expect(samples).toBe(6);
    expect(tokens).toEqual({ image: 6 * 64, text: 6 * 16 });
    expect(heldOutTokens.image! + fitTokens.image!).toBe(tokens.image);
    expect(heldOutTokens.image! % 64).toBe(0);
    expect(heldOutTokens.text).toBe(heldOutTokens.image! / 4);
    expect(heldOutTokens.image).toBeGreaterThan(0);
  });

  it('says how much its figures depend on the held-out prompts, and how they differ by noise', () => {
    const { bands, confidence, streams, split } = analysed.analysis;
    expect(confidence).toMatchObject({ level: 0.95, resamples: 200, groups: 2 });
    expect(split).toMatchObject({ rule: 'prompt-groups', heldOutGroups: confidence!.groups });
    expect(bands.map(({ id, timesteps }) => [id, timesteps])).toEqual([
      ['early', [0.75]],
      ['late', [0.25]],
    ]);
    expect(bands.reduce((sum, { heldOutSamples }) => sum + heldOutSamples, 0)).toBe(2);
    const image = streams.image!;
    // All of the 64 tokens of each held-out sample are few enough to be read.
    expect(image.bands.map(({ similarity }) => similarity.rows)).toEqual([64, 64]);
    const { low, high } = image.similarity['held-out']!.bounds!.cka.debiased;
    expect(low[0]![1]!).toBeLessThan(high[0]![1]!);
    expect(image.probeBounds!.error[0]!.low).toBeLessThan(image.probeBounds!.error[0]!.high);
    expect(image.bands[0]!.probeError[0]).not.toBeCloseTo(image.bands[1]!.probeError[0]!, 3);
    const mean = confidence!.detections.find(
      ({ streams: choice, ...of }) => choice === 'mean' && detectionKey(of) === detectionKey(DEFAULT_DETECTION),
    )!;
    const detected = detectIntervals({ streams }, DEFAULT_DETECTION);
    for (const { first, last } of detected) {
      const share = mean.intervals.find((one) => one.first === first && one.last === last)?.share ?? 0;
      expect(share).toBeGreaterThan(0);
    }
  });

  it('counts its progress stage by stage to the end, with the numbers that are final', () => {
    expect([...new Set(progress.map(({ stage }) => stage))]).toEqual([
      'capture',
      'probes',
      'cka',
      'trajectories',
      'damage',
    ]);
    for (const stage of new Set(progress.map((step) => step.stage))) {
      // What an interval costs is told beside the steps.
      const steps = progress.filter((step) => step.stage === stage && step.partial?.kind !== 'damage');
      expect(steps.map(({ done }) => done)).toEqual(steps.map((_, i) => i + 1));
      expect(steps.at(-1)!.done).toBe(steps.at(-1)!.total);
    }
    const partials = progress.flatMap(({ partial }) => (partial?.kind === 'probe' ? [partial.r2.image] : []));
    expect(partials).toEqual(analysed.analysis.streams.image!.probeR2);
    expect(Object.keys(analysed.analysis.stagesMs)).toEqual(['capture', 'probes', 'cka', 'trajectories', 'damage']);
  });

  it('leaves no tensors behind, run after run', async () => {
    expect(tensorsAfter).toBe(tensorsBefore);
    await analyse(transformer, calibration);
    await damageOf(runEdits([{ first: 0, last: 1 }], 'probes'));
    expect(tf.memory().numTensors).toBe(tensorsBefore);
  });

  it('measures damage as the forward pass along the pruned route does', async () => {
    const intervals = [
      { first: 0, last: 2 },
      { first: 1, last: 2 },
      { first: 2, last: 3 },
    ];
    const edits = (['nothing', 'probes'] as const).flatMap((by) => runEdits(intervals, by));
    const measured = await damageOf(edits);
    expect(measured.map(({ edit }) => edit)).toEqual(edits);
    const { heldOutSamples } = splitRows(calibration);
    const inputs = inputsOfSamples(calibration, heldOutSamples);
    expect(inputs.reduce((sum, { batch }) => sum + batch, 0)).toBe(heldOutSamples.length);
    for (const { edit, outputError } of measured) {
      const route = routeOf(BLOCKS, [edit], { maps: probeMaps(fitted) });
      let [difference, size] = [0, 0];
      for (const batch of inputs) {
        const whole = await transformer.forward(batch);
        difference += squareOf(await transformer.forward(batch, route), whole);
        size += squareOf(whole);
      }
      expect(outputError).toBeCloseTo(Math.sqrt(difference / size), 5);
      expect(outputError).toBeGreaterThan(0.001);
    }
  });

  it('measures a run by a linear map along the route with the map that its states give', async () => {
    const edit = runEdit({ first: 0, last: 2 }, 'linear');
    const [measured] = await damageOf([edit]);
    const map = await analysed.maps.across(edit);
    const again = await fitMaps(transformer, calibration, { runs: [edit] });
    expect(again.get('0-2')).toEqual(map);
    const inputs = damageInputsOf(calibration, analysed.maps);
    const route = routeOf(BLOCKS, [edit], { maps: () => map });
    expect(route.map(({ kind }) => kind)).toEqual(['block', 'probe', 'block']);
    let [difference, size] = [0, 0];
    for (const batch of inputs.batches) {
      const [whole, edited] = [await transformer.forward(batch), await transformer.forward(batch, route)];
      difference += squareOf(whole, edited);
      size += squareOf(whole);
    }
    expect(measured!.outputError).toBeCloseTo(Math.sqrt(difference / size), 5);
    // Closer than leaving both blocks out, and not the same as two probes in a row.
    const [removed, probed] = await damageOf([runEdit(edit, 'nothing'), runEdit(edit, 'probes')]);
    expect(measured!.outputError).toBeLessThan(removed!.outputError!);
    expect(measured!.outputError).not.toBe(probed!.outputError);
  });

  it('measures a run of two blocks by a linear map as by its probe', async () => {
    const run = { first: 1, last: 2 };
    const [linear, probes] = await damageOf([runEdit(run, 'linear'), runEdit(run, 'probes')]);
    expect(linear!.outputError).toBe(probes!.outputError);
  });

  it('measures each edit alone, whatever is measured beside it and had been measured before', async () => {
    const edits = [runEdit({ first: 0, last: 2 }, 'probes'), runEdit({ first: 1, last: 3 }, 'nothing')];
    const together = await damageOf(edits);
    const inputs = damageInputsOf(calibration, analysed.maps);
    const one = await editDamage(transformer, inputs, edits.slice(1));
    expect(inputs.wholeOutputs).toHaveLength(inputs.batches.length);
    // From here on the whole model's output is known.
    expect([...(await editDamage(transformer, inputs, edits.slice(0, 1))), ...one]).toEqual(together);
  });

  const MANY = runEdits(
    [
      { first: 0, last: 1 },
      { first: 0, last: 2 },
      { first: 1, last: 3 },
    ],
    'probes',
  );

  it('measures edits one by one where weights stay on the engine, from where they leave the whole model', async () => {
    const inputs = damageInputsOf(calibration, analysed.maps);
    const told: unknown[] = [];
    const steps: string[] = [];
    const counted: Transformer = {
      ...transformer,
      runBlock: async (index, ...rest) => {
        steps.push(`whole ${index}`);
        return await transformer.runBlock(index, ...rest);
      },
      runStep: async (step, ...rest) => {
        steps.push(step.kind === 'block' ? `block ${step.index}` : step.kind);
        return await transformer.runStep(step, ...rest);
      },
    };
    const before = tf.memory().numTensors;
    const measured = await editDamage(counted, inputs, MANY, {
      waysAtOnce: 2,
      onProgress: (done, total) => told.push([done, total]),
      onMeasured: (index) => void told.push(index),
    });
    expect(tf.memory().numTensors).toBe(before);
    // Of each turn the whole model, the second time to where the last way leaves it; and each way from there.
    const n = inputs.batches.length;
    const total = n * (BLOCKS + 3 + 3 + 2 + 2);
    const progress = (from: number, blocks: number) =>
      Array.from({ length: n * blocks }, (_, i) => [from + i + 1, total]);
    expect(told).toEqual([
      ...progress(0, BLOCKS + 3),
      0,
      ...progress(n * (BLOCKS + 3), 3),
      1,
      ...progress(n * (BLOCKS + 6), 2 + 2),
      2,
    ]);
    const times = (steps: readonly string[]) => steps.flatMap((step) => Array<string>(n).fill(step));
    const whole = (blocks: number) =>
      Array.from({ length: n }, () => Array.from({ length: blocks }, (_, block) => `whole ${block}`)).flat();
    expect(steps).toEqual([
      ...whole(BLOCKS),
      ...times(['probe', 'block 2', 'block 3']),
      ...times(['probe', 'probe', 'block 3']),
      ...whole(2),
      ...times(['probe', 'probe']),
    ]);
    expect(await damageOf(MANY)).toEqual(measured);
  });

  it('measures edits of weights that do not stay in sweeps of a few, to the same results', async () => {
    const edits = MANY;
    const together = await damageOf(edits);
    const inputs = damageInputsOf(calibration, analysed.maps);
    const told: unknown[] = [];
    const reads: number[] = [];
    const loadBlock = async (block: number) => void reads.push(block);
    const counted: Transformer = { ...transformer, residentBlocks: 0, loadBlock };
    const measured = await editDamage(counted, inputs, edits, {
      waysAtOnce: 2,
      onProgress: (done, total) => told.push([done, total]),
      onMeasured: (index, damage) => void told.push({ edit: edits[index], ...damage }),
    });
    expect(measured).toEqual(together);
    const perSweep = BLOCKS * inputs.batches.length;
    const progress = (from: number) => Array.from({ length: perSweep }, (_, i) => [from + i + 1, 2 * perSweep]);
    expect(told).toEqual([...progress(0), ...measured.slice(0, 2), ...progress(perSweep), measured[2]]);
    // Of the second sweep, which knows the whole model's output, only what leads up to the way or lies on it.
    expect(reads).toEqual([0, 1, 2, 3, 0, 1]);
  });

  it('measures a choice with all its edits in place, as one forward along its route does', async () => {
    const edits = [runEdit({ first: 0, last: 1 }, 'probes'), runEdit({ first: 2, last: 3 }, 'nothing')];
    const inputs = damageInputsOf(calibration, analysed.maps);
    const { outputError, bounds } = await choiceDamage(transformer, inputs, edits);
    const route = routeOf(BLOCKS, edits, { maps: probeMaps(fitted) });
    let [difference, size] = [0, 0];
    for (const batch of inputs.batches) {
      const whole = await transformer.forward(batch);
      difference += squareOf(await transformer.forward(batch, route), whole);
      size += squareOf(whole);
    }
    expect(outputError).toBeCloseTo(Math.sqrt(difference / size), 5);
    expect(bounds!.low).toBeLessThanOrEqual(outputError!);
    expect(bounds!.high).toBeGreaterThanOrEqual(outputError!);
    expect(await choiceDamage(transformer, inputs, [])).toMatchObject({ outputError: 0 });
  });

  it('tells the error of each noise band apart: together they are the whole', async () => {
    const inputs = damageInputsOf(calibration, []);
    const [measured] = await editDamage(transformer, inputs, [runEdit({ first: 0, last: 2 }, 'nothing')]);
    expect(measured!.bands).toHaveLength(2);
    const levels = [...new Set(calibration.levels)].sort((a, b) => b - a);
    for (const [band, error] of measured!.bands.entries()) {
      const samples = inputs.samples.filter((sample) => calibration.levels[sample] === levels[band]);
      const route = routeOf(BLOCKS, [runEdit({ first: 0, last: 2 }, 'nothing')]);
      let [difference, size] = [0, 0];
      for (const batch of inputsOfSamples(calibration, samples)) {
        const whole = await transformer.forward(batch);
        difference += squareOf(await transformer.forward(batch, route), whole);
        size += squareOf(whole);
      }
      if (samples.length === 0) expect(error).toBeNull();
      else expect(error).toBeCloseTo(Math.sqrt(difference / size), 5);
    }
  });

  it('measures samples of several batches together, in batches no larger, with the same figures to the bit', async () => {
    const { config } = transformer;
    const small = syntheticCalibration(config, { samples: 12, timesteps: 3, seed: 5 });
    const cut = { ...small, batches: [0, 4, 8].map((from) => sliceSamples(small.batches[0]!, from, from + 4)) };
    const samples = [1, 2, 3, 5, 9, 10];
    const together = inputsOfSamples(cut, samples);
    expect(together.map(({ batch }) => batch)).toEqual([4, 2]);
    const apart = cut.batches.flatMap((batch, i) =>
      samples.filter((at) => Math.floor(at / 4) === i).map((at) => sliceSamples(batch, at - 4 * i, at - 4 * i + 1)),
    );
    const edits = [runEdit({ first: 0, last: 2 }, 'nothing'), runEdit({ first: 1, last: 2 }, 'probes')];
    const { maps } = analysed;
    const of = { samples, groups: samples, bandOf: samples.map((at) => at % 2), bands: 2, maps };
    const measured = await editDamage(transformer, { ...of, batches: together, wholeOutputs: [] }, edits);
    const expected = await editDamage(transformer, { ...of, batches: apart, wholeOutputs: [] }, edits);
    if (tf.getBackend() === 'wasm') expect(measured).toEqual(expected);
    // TensorFlow's products add up in another order where there are more rows.
    else expect(measured[0]!.outputError).toBeCloseTo(expected[0]!.outputError!, 6);
  });

  it('measures a block left out as the run that ends with it, and the first block too', async () => {
    const before = tf.memory().numTensors;
    const inputs = damageInputsOf(calibration, []);
    const parts = await partDamage(
      transformer,
      inputs,
      [0, 2].map((block) => ({ block, part: 'block' as const })),
    );
    const [run] = await editDamage(transformer, inputs, [runEdit({ first: 1, last: 2 }, 'nothing')]);
    expect(parts[1]).toMatchObject({ block: 2, part: 'block', outputError: run!.outputError, bounds: run!.bounds });
    const route = routeOf(BLOCKS, []).slice(1);
    let [difference, size] = [0, 0];
    for (const batch of inputs.batches) {
      const whole = await transformer.forward(batch);
      difference += squareOf(await transformer.forward(batch, route), whole);
      size += squareOf(whole);
    }
    expect(parts[0]!.outputError).toBeCloseTo(Math.sqrt(difference / size), 5);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('measures attention and feed-forward of a block apart', async () => {
    const inputs = damageInputsOf(calibration, []);
    const parts = await partDamage(
      transformer,
      inputs,
      BLOCK_HALVES.map((part) => ({ block: 1, part })),
    );
    for (const [i, without] of BLOCK_HALVES.entries()) {
      const route: Route = routeOf(BLOCKS, []).map((step, index) =>
        index === 1 ? { kind: 'half', index, without } : step,
      );
      let [difference, size] = [0, 0];
      for (const batch of inputs.batches) {
        const whole = await transformer.forward(batch);
        difference += squareOf(await transformer.forward(batch, route), whole);
        size += squareOf(whole);
      }
      expect(parts[i]!.outputError).toBeCloseTo(Math.sqrt(difference / size), 5);
    }
    expect(parts[0]!.outputError).not.toBeCloseTo(parts[1]!.outputError!, 3);
  });

  it('tells the proxies of every block and interval', () => {
    const { proxies, directionErrors } = analysed.analysis;
    expect(proxies!.blockInfluence.text!.at(-1)).toBeNull();
    expect(proxies!.blockInfluence.image!.every((value) => value! > 0)).toBe(true);
    // The direction error of two states is 2 − 2 cos, summed over streams.
    expect(proxies!.intervals.blockInfluence[0]![2]!).toBeCloseTo(directionErrors[0]![2]! / 4, 5);
    expect(proxies!.intervals.blockInfluence[0]![3]!).toBeCloseTo(directionErrors[0]![3]! / 2, 5);
  });

  it('refuses to measure a student, which it does not have', async () => {
    const before = tf.memory().numTensors;
    await expect(damageOf([runEdit({ first: 0, last: 2 }, 'student')])).rejects.toThrow(/No student for blocks 0 to 2/);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('has the direction error of every pair of blocks', () => {
    const { directionErrors } = analysed.analysis;
    for (const [u, row] of directionErrors.entries()) {
      expect(row.map((error) => error === null)).toEqual(row.map((_, k) => k <= u));
      for (const error of row.slice(u + 1)) {
        expect(error).toBeGreaterThan(0);
        expect(error).toBeLessThan(8);
      }
    }
  });

  it('has measured what the default rule detects', () => {
    const { streams, damage } = analysed.analysis;
    const model = { width: transformer.config.width };
    // 32 held-out tokens of text are too few for the default, and all tokens are read instead.
    expect(readingProblem({ streams, model }, DEFAULT_DETECTION)).toMatchObject({ kind: 'too-few-rows' });
    const detected = detectIntervals({ streams, model }, { ...DEFAULT_DETECTION, rows: 'all' });
    expect(damage.map(({ edit }) => edit)).toEqual([...runEdits(detected, 'nothing'), ...runEdits(detected, 'probes')]);
    expect(detected.length).toBeGreaterThan(0);
  });

  it('can measure on another transformer after its own is gone', async () => {
    const own = await openSmall();
    const fresh = await openSmall();
    const other = await analyse(own, calibration);
    own.dispose();
    const edits = runEdits([{ first: 1, last: 2 }], 'probes');
    const [here] = await damageOf(edits);
    const [there] = await damageOf(edits, fresh, other);
    expect(there!.outputError).toBeCloseTo(here!.outputError!, 5);
    fresh.dispose();
  });

  it('has probes that can be fitted again from its calibration alone, bit for bit', async () => {
    const done: number[] = [];
    const again = await fitMaps(transformer, calibration, { onBlock: (count) => done.push(count) });
    expect([...again]).toEqual(fitted.map((probe, block) => [formatIntervalKey(probedRun(block)), probe]));
    expect(done).toEqual([1, 2, 3, 4]);
    expect(tf.memory().numTensors).toBe(tensorsBefore);
    expect((await fitMaps(transformer, calibration, { ridge: 1 })).get('0-1')).not.toEqual(fitted[1]);
    const stopped = fitMaps(transformer, calibration, { signal: AbortSignal.abort() });
    await expect(stopped).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('reports n/a, never NaN, for a stream that a block does not update, whatever its weights are', async () => {
    const { analysis, maps } = await analyse(transformer, calibration);
    const ofLast = await maps.of(BLOCKS - 1);
    const [image, text] = [analysis.streams.image!, analysis.streams.text!];
    const last = BLOCKS - 1;
    expect(ofLast.text).toBeNull();
    expect(ofLast.image).not.toBeNull();
    expect([text.probeR2[last], text.probeError[last]]).toEqual([null, null]);
    const imageStates: Float32Array[] = [];
    for await (const { states } of captureStates(transformer, calibration)) {
      imageStates.push(states.image!);
    }
    const rows = splitRows(calibration).heldOut.image!;
    const { width } = transformer.config;
    const ofImage = directionErrorOf(imageStates[1]!, imageStates[BLOCKS]!, width, rows);
    expect(analysis.directionErrors[0]![last]).toBeCloseTo(ofImage, 6);
    expect(text.similarity.all!.trajectories.debiased['block-u/teacher-after-k'][0]![last]).toBeNull();
    expect(image.similarity.all!.trajectories.debiased['block-u/teacher-after-k'][0]![last]).not.toBeNull();
    expect(text.similarity.all!.cka.debiased[last]).toEqual(new Array(BLOCKS).fill(null));
    expect(text.similarity.all!.cka.biased.map((row) => row[last])).toEqual(new Array(BLOCKS).fill(null));
    expect(text.similarity.all!.trajectories.debiased['block-u/teacher-after-k'][last]![last]).toBeNull();
    expect(numbersIn(analysis).every(Number.isFinite)).toBe(true);
  });

  it('still works on a single sample, with nothing held out to judge probes on', async () => {
    const single = syntheticCalibration(transformer.config, { samples: 1, timesteps: 1, seed: 5 });
    const { analysis } = await analyse(transformer, single);
    expect(analysis.calibration.heldOutTokens).toEqual({ image: 0, text: 0 });
    expect(analysis.streams.image!.probeR2).toEqual(Array(BLOCKS).fill(null));
    expect(analysis).toMatchObject({ confidence: null, bands: [] });
    expect(analysis.streams.image!).toMatchObject({ probeBounds: null, bands: [], similarity: { 'held-out': null } });
    expect(analysis.damage.every(({ outputError }) => outputError! > 0)).toBe(true);
  });

  it('gives no number for a pruned model that overflows', async () => {
    const { width } = transformer.config;
    const map = { weight: new Float32Array(width * width).fill(3e38), bias: new Float32Array(width) };
    const probes = Array.from({ length: BLOCKS }, () => ({ image: map, text: null }));
    const inputs = { ...damageInputsOf(calibration, probes), batches: calibration.batches };
    const by = (replacement: RunReplacement) => runEdit({ first: 1, last: 2 }, replacement);
    const [probed, removed] = await editDamage(transformer, inputs, [by('probes'), by('nothing')]);
    expect(probed!.outputError).toBeNull();
    expect(removed!.outputError).toBeGreaterThan(0);
  });

  describe('when it is stopped', () => {
    it.each(['capture', 'probes', 'cka', 'trajectories', 'damage'])(
      'in %s, ends at once and frees all',
      async (stage) => {
        const controller = new AbortController();
        const seen: string[] = [];
        const run = analyse(transformer, calibration, {
          signal: controller.signal,
          onProgress: (step) => {
            seen.push(step.stage);
            if (step.stage === stage) controller.abort();
          },
        });
        await expect(run).rejects.toMatchObject({ code: 'cancelled' });
        expect(seen.filter((name) => name === stage)).toHaveLength(1);
        expect(seen.at(-1)).toBe(stage);
        expect(tf.memory().numTensors).toBe(tensorsBefore);
      },
    );

    it('before it begins, does nothing', async () => {
      await expect(analyse(transformer, calibration, { signal: AbortSignal.abort() })).rejects.toMatchObject({
        code: 'cancelled',
      });
    });
  });
});

/** Mean over the rows of ‖ a/‖a‖ − b/‖b‖ ‖². */
function directionErrorOf(a: Float32Array, b: Float32Array, width: number, rows: Uint32Array): number {
  const unit = (of: Float32Array, row: number) => {
    const values = of.slice(row * width, (row + 1) * width);
    const norm = Math.sqrt(squareOf(values));
    return Float64Array.from(values, (value) => value / norm);
  };
  let sum = 0;
  for (const row of rows) {
    const [left, right] = [unit(a, row), unit(b, row)];
    sum += left.reduce((of, value, i) => of + (value - right[i]!) ** 2, 0);
  }
  return sum / rows.length;
}

describe('picking samples to measure on', () => {
  it('takes whole samples out of their batches', async () => {
    const { config } = goldenQ1();
    const calibration = syntheticCalibration(config, { samples: 6, timesteps: 2, seed: 5 });
    const [all] = calibration.batches;
    const picked = inputsOfSamples(calibration, [1, 4]);
    expect(picked).toHaveLength(1);
    expect(picked[0]!.batch).toBe(2);
    const size = all!.hiddenStates.length / 6;
    expect(picked[0]!.hiddenStates.subarray(0, size)).toEqual(all!.hiddenStates.subarray(size, 2 * size));
    expect(picked[0]!.hiddenStates.subarray(size)).toEqual(all!.hiddenStates.subarray(4 * size, 5 * size));
    expect([...picked[0]!.timestep]).toEqual([all!.timestep[1], all!.timestep[4]]);
    expect(inputsOfSamples(calibration, [0, 1, 2, 3, 4, 5])[0]!.batch).toBe(6);
  });
});
