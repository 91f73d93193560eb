import { describe, expect, test } from 'vitest';
import { oneHeadModel } from '../../testing/narrower-blocks.ts';
import { splitRows } from '../analysis/index.ts';
import { type Calibration, syntheticCalibration } from '../capture/index.ts';
import { type Checkpoint, openCheckpoint, writeSafetensors } from '../checkpoint/index.ts';
import { type Edit, editSetOf, ffnEdit, runEdit, runsOf, textStreamEdit } from '../edit/index.ts';
import { architectureOf, editableModel, expectedTensors, type ModelConfig } from '../model/config-index.ts';
import { narrowBlocks, narrowSteps, openTransformer, stepsOf, type Transformer } from '../model/index.ts';
import { memoryStates } from '../states/index.ts';
import { fromFloat32 } from '../tensor/float.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { type FittedWidthEdit, fitWidth, mapsOnEngine, readMap } from './index.ts';

const { config, checkpoint } = oneHeadModel(6);
const D = config.width;
const calibration = syntheticCalibration(config, { samples: 24, timesteps: 4, seed: 5 });
const set = (edits: readonly Edit[]) => editSetOf(edits, editableModel(config), 'the test');
const group = (first: number, last: number) => textStreamEdit({ first, last });

/** The golden model with some tensors changed in place, by their names. */
async function changed(change: (name: string, values: Float32Array) => void): Promise<Checkpoint> {
  const tensors = [];
  for (const { name, shape } of expectedTensors(config)) {
    const values = await checkpoint.readFloat32(name);
    change(name, values);
    tensors.push({ name, shape, dtype: 'F32' as const, bytes: fromFloat32(values, 'F32') });
  }
  return await openCheckpoint([{ path: 'changed.safetensors', blob: new Blob([writeSafetensors(tensors)]) }]);
}

async function fitted(transformer: Transformer, edits: readonly Edit[], samples: Calibration = calibration) {
  const maps = { store: memoryStates(), owner: 'test' };
  const fits = await fitWidth(transformer, samples, set(edits), maps);
  return { maps, fits, edits: set(edits) };
}

async function outputs(
  transformer: Transformer,
  { maps, edits }: Awaited<ReturnType<typeof fitted>>,
): Promise<{ readonly whole: Float32Array; readonly edited: Float32Array }> {
  const narrow = narrowBlocks(transformer.architecture, edits);
  const sets = new Map();
  for (const block of narrow.values()) sets.set(block.index, await mapsOnEngine(maps, block.index, block.maps));
  const steps = narrowSteps(stepsOf(transformer.config.numBlocks, runsOf(edits)), narrow, (block) => sets.get(block));
  const route = steps.filter((step) => step !== null);
  const [inputs] = calibration.batches;
  const both = { whole: await transformer.forward(inputs!), edited: await transformer.forward(inputs!, route) };
  for (const maps of sets.values()) maps.dispose();
  return both;
}

/** Of no sample, with mean 0 and variance 1. */
function normedRow(): number[] {
  const values = Array.from({ length: D }, (_, i) => Math.sin(7 * i + 1));
  const mean = values.reduce((sum, value) => sum + value, 0) / D;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / D);
  return values.map((value) => (value - mean) / deviation);
}

const errorOf = (fits: readonly FittedWidthEdit[]) => fits.map(({ quality }) => quality.error);
const difference = (a: Float32Array, b: Float32Array) => Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));

describePerEngine(['wasm'], 'linear maps of narrower blocks', () => {
  test('are exact where the text is modulated anew and not updated, so that each projector takes one modulation for another', async () => {
    // Modulations do not depend on the timestep, and nothing is added to the text.
    const transformer = await openTransformer(
      config,
      await changed((name, values) => {
        if (/(img|txt)_mod\.1\.weight|to_add_out|txt_mlp\.net\.2/.test(name)) values.fill(0);
      }),
    );
    const result = await fitted(transformer, [group(1, 3)]);
    const bias = async (block: number) => await checkpoint.readFloat32(`transformer_blocks.${block}.txt_mod.1.bias`);
    const first = await bias(1);
    // Shift and scale of a row that is normed: any one, as all rows are.
    const normed = normedRow();
    const modulated = (by: Float32Array) => normed.map((value, i) => value * (1 + by[D + i]!) + by[i]!);
    for (const block of [2, 3]) {
      const { weight, bias: offset } = await readMap(result.maps, block, 'txt_proj');
      const expected = modulated(await bias(block));
      const input = modulated(first);
      for (let j = 0; j < D; j++) {
        const mapped = input[j]! + offset[j]! + input.reduce((sum, x, i) => sum + x * weight[i * D + j]!, 0);
        expect(mapped).toBeCloseTo(expected[j]!, 3);
      }
    }
    // The text after the group is that before it: no map, and no error to tell.
    expect((await readMap(result.maps, 3, 'ehs_proj')).weight.every((value) => value === 0)).toBe(true);
    expect(errorOf(result.fits)[0]).toBeLessThan(1e-5);
    const { whole, edited } = await outputs(transformer, result);
    expect(difference(whole, edited)).toBeLessThan(1e-4);
    transformer.dispose();
  });

  test('are exact where feed-forward layers give a constant', async () => {
    const transformer = await openTransformer(
      config,
      await changed((name, values) => {
        if (/_mod\.1\.weight|_mlp\.net\.2\.weight/.test(name)) values.fill(0);
      }),
    );
    const edits = [ffnEdit(2, 'image'), ffnEdit(2, 'text'), ffnEdit(4, 'image')];
    const result = await fitted(transformer, edits);
    const gate = (await checkpoint.readFloat32('transformer_blocks.4.img_mod.1.bias')).subarray(5 * D);
    const down = await checkpoint.readFloat32('transformer_blocks.4.img_mlp.net.2.bias');
    const { weight, bias } = await readMap(result.maps, 4, 'img_ffn_proj');
    expect(Math.max(...weight.map(Math.abs))).toBeLessThan(1e-4);
    for (let j = 0; j < D; j++) expect(bias[j]).toBeCloseTo(gate[j]! * down[j]!, 4);
    for (const error of errorOf(result.fits)) expect(error).toBeLessThan(1e-5);
    const { whole, edited } = await outputs(transformer, result);
    expect(difference(whole, edited)).toBeLessThan(1e-4);
    transformer.dispose();
  });

  test('are not exact on other weights, and their error says so', async () => {
    const transformer = await openTransformer(config, checkpoint);
    const result = await fitted(transformer, [group(1, 3), ffnEdit(4, 'image')]);
    for (const error of errorOf(result.fits)) expect(error).toBeGreaterThan(1e-3);
    for (const { quality } of result.fits) {
      expect(quality.bounds!.low).toBeLessThanOrEqual(quality.error!);
      expect(quality.bounds!.high).toBeGreaterThanOrEqual(quality.error!);
      expect(quality.changeError).toBeLessThan(1);
    }
    transformer.dispose();
  });

  test('are fitted without the prompts that they are judged on', async () => {
    const transformer = await openTransformer(config, checkpoint);
    const edits = [group(1, 3), ffnEdit(2, 'image')];
    const result = await fitted(transformer, edits);
    const { heldOutSamples } = splitRows(calibration);
    // Held-out prompts say something else; the split follows from the groups.
    const held = new Set(heldOutSamples);
    let first = 0;
    const batches = calibration.batches.map((inputs) => {
      const encoderHiddenStates = Float32Array.from(inputs.encoderHiddenStates);
      const perSample = encoderHiddenStates.length / inputs.batch;
      for (let i = 0; i < inputs.batch; i++) {
        if (held.has(first + i)) encoderHiddenStates.subarray(i * perSample, (i + 1) * perSample).reverse();
      }
      first += inputs.batch;
      return { ...inputs, encoderHiddenStates };
    });
    const other = await fitted(transformer, edits, { ...calibration, batches });
    for (const [block, name] of [
      [2, 'txt_proj'],
      [3, 'txt_proj'],
      [3, 'ehs_proj'],
      [2, 'img_ffn_proj'],
    ] as const) {
      expect(await readMap(other.maps, block, name), `${block} ${name}`).toEqual(
        await readMap(result.maps, block, name),
      );
    }
    expect(errorOf(other.fits)).not.toEqual(errorOf(result.fits));
    transformer.dispose();
  });

  test('are fitted on the states of the model with the edits before them in place', async () => {
    const transformer = await openTransformer(config, checkpoint);
    const mapOf = async (edits: readonly Edit[]) =>
      (await readMap((await fitted(transformer, edits)).maps, 4, 'img_ffn_proj')).weight;
    const alone = await mapOf([ffnEdit(4, 'image')]);
    for (const before of [group(1, 2), ffnEdit(3, 'image'), runEdit({ first: 1, last: 3 }, 'nothing')]) {
      expect(await mapOf([ffnEdit(4, 'image'), before])).not.toEqual(alone);
    }
    // What comes after is no part of what the block sees.
    expect(await mapOf([ffnEdit(4, 'image'), ffnEdit(5, 'image')])).toEqual(alone);
    transformer.dispose();
  });

  test('stand for what follows on the states of the edited model better than maps that were fitted on the whole one', async () => {
    const transformer = await openTransformer(config, checkpoint);
    const run = runEdit({ first: 1, last: 3 }, 'nothing');
    const own = await fitted(transformer, [run, ffnEdit(4, 'image')]);
    const alone = await fitted(transformer, [ffnEdit(4, 'image')]);
    const without = await fitted(transformer, [run]);
    const wanted = (await outputs(transformer, without)).edited;
    const squared = (found: Float32Array) => found.reduce((sum, value, i) => sum + (value - wanted[i]!) ** 2, 0);
    const onOwn = squared((await outputs(transformer, own)).edited);
    expect(onOwn).toBeLessThan(squared((await outputs(transformer, { ...own, maps: alone.maps })).edited));
    transformer.dispose();
  });

  test('are the same where states wait in the store', async () => {
    const transformer = await openTransformer(config, checkpoint);
    const edits = [group(1, 4), ffnEdit(2, 'image'), ffnEdit(1, 'text')];
    const store = memoryStates();
    const spilled = await fitWidth(transformer, calibration, set(edits), { store, owner: 'test', spills: true });
    expect(spilled).toEqual((await fitted(transformer, edits)).fits);
    // Nothing is left but the maps: a weight and a bias of each.
    const maps = spilled.flatMap((fit) => fit.maps).length;
    expect(store.usage.memoryBytes).toBe(maps * 4 * D * (D + 1));
    transformer.dispose();
  });
});

describe('edits of modulations', () => {
  test('are told from those that a forward pass takes', () => {
    const edits = set([{ on: 'modulation', blocks: 'all', by: { rank: 2 } }]);
    expect(() => narrowBlocks(architectureOf(config as ModelConfig), edits)).toThrow(/modulations/);
  });
});
