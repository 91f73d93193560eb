/**
 * Narrower blocks of families whose classes in diffusers have none: held to diffusers where maps are zero, to arithmetic in float64
 * where they are not, and to what the whole model gives where a held text stream says the same as its own.
 */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fileOf, openExported } from '../../testing/narrower-blocks.ts';
import { syntheticCalibration } from '../capture/index.ts';
import {
  type Checkpoint,
  fingerprintOf,
  openCheckpoint,
  type TensorToWrite,
  writeSafetensors,
} from '../checkpoint/index.ts';
import { type Edit, editSetOf, ffnEdit, runEdit, runsOf, textStreamEdit } from '../edit/index.ts';
import { studentFolder } from '../export/index.ts';
import { tinyPlan } from '../export/plan-fixtures.ts';
import { TRAINED_METADATA } from '../export/trained-file.ts';
import {
  architectureOf,
  countParameters,
  editableModel,
  editedModel,
  expectedTensors,
  familyNamed,
  type ModelConfig,
} from '../model/config-index.ts';
import { FAMILIES } from '../model/families.ts';
import { type GoldenModel, goldenCase, goldenModel } from '../model/golden-fill.ts';
import { disposeState, narrowBlocks, narrowSteps, openTransformer, stepsOf, type WeightSet } from '../model/index.ts';
import { sampleOf } from '../model/latents.ts';
import { expectClose } from '../model/testing.ts';
import type { PlannedWidthEdit } from '../plan/index.ts';
import { memoryStates } from '../states/index.ts';
import { fromFloat32 } from '../tensor/float.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { fitWidth, mapFileParts, mapsOnEngine } from './index.ts';

const goldensOf = async (family: string) => await FAMILIES.find(({ name }) => name === family)!.goldens();

/** The family's first golden model with more blocks. */
async function longModel(family: string): Promise<GoldenModel> {
  const [first] = await goldensOf(family);
  const dual = family === 'sd3' ? { dual_attention_layers: [0, 2], qk_norm: 'rms_norm' } : { num_single_layers: 2 };
  return goldenModel({ ...first!.config, ...dual, num_layers: 7 });
}

const isWidth = (edit: Edit) => edit.on === 'text-stream' || edit.on === 'ffn';

async function folderOf(
  { config, checkpoint }: { config: ModelConfig; checkpoint: Checkpoint },
  edits: readonly Edit[],
  maps: Blob,
) {
  const fingerprint = await fingerprintOf(familyNamed(config.family).identity, config.raw, checkpoint);
  const runs = runsOf(edits);
  const narrow = edits
    .filter(isWidth)
    .map((edit) => ({ ...edit, fitError: null, outputError: null }) as PlannedWidthEdit);
  return await studentFolder({
    teacher: { name: 'tiny', config, checkpoint, folder: '', companions: [] },
    plan: tinyPlan(config, fingerprint, runs),
    students: [],
    removed: runs,
    fineTuned: null,
    run: null,
    narrow: { edits: narrow, maps: [{ path: 'maps.safetensors', blob: maps }] },
  });
}

/** A file of the maps that edits need, with values by map and element. */
async function mapsOf(
  { config, checkpoint }: GoldenModel,
  edits: readonly Edit[],
  value: (k: number) => number,
): Promise<Blob> {
  const D = config.width;
  const tensors = [
    ...narrowBlocks(architectureOf(config), editSetOf(edits, editableModel(config), 'test')).values(),
  ].flatMap(({ index, maps }) =>
    maps.flatMap(({ name }) =>
      [
        { part: 'weight', shape: [D, D] },
        { part: 'bias', shape: [D] },
      ].map(({ part, shape }): TensorToWrite => {
        const values = Float32Array.from({ length: part === 'bias' ? D : D * D }, (_, k) => value(k));
        return { name: `${index}.${name}.${part}`, shape, dtype: 'F32', bytes: fromFloat32(values, 'F32') };
      }),
    ),
  );
  const fingerprint = await fingerprintOf(familyNamed(config.family).identity, config.raw, checkpoint);
  const metadata = {
    format: 'pt',
    [TRAINED_METADATA.teacher]: fingerprint,
    [TRAINED_METADATA.family]: config.family,
    [TRAINED_METADATA.kind]: 'maps',
  };
  return new Blob([writeSafetensors(tensors, metadata)]);
}

/** The model with some tensors changed in place, by their names. */
async function changed({ config, checkpoint }: GoldenModel, change: (name: string, values: Float32Array) => void) {
  const tensors = [];
  for (const { name, shape } of expectedTensors(config)) {
    const values = await checkpoint.readFloat32(name);
    change(name, values);
    tensors.push({ name, shape, dtype: 'F32' as const, bytes: fromFloat32(values, 'F32') });
  }
  return {
    config,
    checkpoint: await openCheckpoint([{ path: 'c.safetensors', blob: new Blob([writeSafetensors(tensors)]) }]),
  };
}

const FAMILY_NAMES = ['flux', 'flux2', 'sd3'] as const;

describePerEngine(['wasm'], 'narrower blocks that this product alone reads', () => {
  test.each([
    ['flux', 'F2'],
    ['flux2', 'FL2-2'],
    ['sd3', 'S3'],
  ] as const)(
    'of %s, case %s, give diffusers’ output without feed-forward layers where the maps are zero',
    async (family, name) => {
      const golden = goldenCase((await goldensOf(family)).find((one) => one.name === name)!);
      const edits = [ffnEdit(0, 'image'), ffnEdit(0, 'text')];
      const files = await folderOf(golden, edits, await mapsOf(golden, edits, () => 0));
      const { transformer, config } = await openExported(files);
      expect(config.raw.linear_feed_forward).toEqual({ image: [0], text: [0] });
      const { values } = sampleOf(await transformer.forward(golden.inputs), golden.inputs, config);
      const halves = new URL(`../model/${family}/goldens/halves-${name.toLowerCase()}.json`, import.meta.url);
      const { outputs, tolerance } = JSON.parse(readFileSync(halves, 'utf8'));
      const wanted = outputs.find(
        (one: { block: number; without: string }) => one.block === 0 && one.without === 'ffn',
      );
      expectClose(values, wanted.output, tolerance);
      transformer.dispose();
    },
  );

  test.each(FAMILY_NAMES)('of %s, add P·x to the state after attention, as float64 has it', async (family) => {
    const model = await longModel(family);
    const edits = [ffnEdit(1, 'image'), ffnEdit(1, 'text')];
    const value = (k: number) => Math.fround(Math.sin(k + 1) / 16);
    const { transformer } = await openExported(await folderOf(model, edits, await mapsOf(model, edits, value)));
    const whole = await openTransformer(model.config, model.checkpoint);
    const inputs = syntheticCalibration(model.config, { samples: 2, timesteps: 1, seed: 3 }).batches[0]!;
    const D = model.config.width;
    const { state: embedded, context } = await whole.begin(inputs);
    const before = await whole.runBlock(0, embedded, context);
    const attended = await whole.runStep({ kind: 'half', index: 1, without: 'ffn' }, before, context);
    const own = await transformer.begin(inputs);
    const first = await transformer.runBlock(0, own.state, own.context);
    const found = await transformer.runBlock(1, first, own.context);
    for (const stream of ['image', 'text']) {
      const [x, y] = [await attended[stream]!.data(), await found[stream]!.data()];
      for (let row = 0; row * D < x.length; row += 7) {
        for (let j = 0; j < D; j++) {
          let sum = x[row * D + j]! + value(j);
          for (let i = 0; i < D; i++) sum += x[row * D + i]! * value(j * D + i);
          expect(Math.abs(y[row * D + j]! - sum)).toBeLessThan(2e-4 * Math.max(1, Math.abs(sum)));
        }
      }
    }
    for (const state of [embedded, before, attended, own.state, first, found]) disposeState(state);
    whole.disposeContext(context);
    transformer.disposeContext(own.context);
    for (const one of [whole, transformer]) one.dispose();
  });

  test.each(FAMILY_NAMES)(
    'of %s, hold a text that is modulated alike and not updated without changing the output',
    async (family) => {
      const model = await longModel(family);
      const D = model.config.width;
      const isGate = (k: number, input: number) => [2, 5].includes(Math.floor(k / input / D));
      const reference = new Map<string, Float32Array>();
      // Blocks modulate the text alike, and its gates are closed: block 1's text is that of the blocks after it.
      const alike = await changed(model, (name, values) => {
        const matched = /transformer_blocks\.([123])\.(norm1_context\.linear\.\w+)/.exec(name);
        const isShared = name === 'double_stream_modulation_txt.linear.weight';
        if ((!matched && !isShared) || name.startsWith('single')) return;
        const [, , layer = name] = matched ?? [];
        const one = reference.get(layer) ?? values;
        reference.set(layer, one);
        const input = layer.endsWith('bias') ? 1 : D;
        values.set(one.map((x, k) => (isGate(k, input) ? 0 : x)));
      });
      const edits = [textStreamEdit({ first: 1, last: 3 })];
      const zeros = await mapsOf({ ...model, checkpoint: alike.checkpoint as never }, edits, () => 0);
      const { transformer, config } = await openExported(await folderOf(alike, edits, zeros));
      expect(config.raw.held_text).toEqual({ blocks: [2, 3], end: [3] });
      const inputs = syntheticCalibration(config, { samples: 2, timesteps: 1, seed: 3 }).batches[0]!;
      const whole = await openTransformer(alike.config, alike.checkpoint);
      expectClose(await transformer.forward(inputs), [...(await whole.forward(inputs))], 2e-4);
      const differently = await mapsOf(
        { ...model, checkpoint: alike.checkpoint as never },
        edits,
        (k) => Math.sin(k) / 4,
      );
      const other = await openExported(await folderOf(alike, edits, differently));
      const [a, b] = [await other.transformer.forward(inputs), await whole.forward(inputs)];
      expect(Math.max(...a.map((x, i) => Math.abs(x - b[i]!)))).toBeGreaterThan(1e-2);
      for (const one of [whole, transformer, other.transformer]) one.dispose();
    },
  );

  test.each(FAMILY_NAMES)('of %s, give as a folder what they give in memory, fitted', async (family) => {
    const { config, checkpoint } = await longModel(family);
    const { width } = config;
    const atEnd =
      family === 'sd3' ? [runEdit({ first: 5, last: 6 }, 'nothing'), ffnEdit(5, 'image')] : [ffnEdit(6, 'text')];
    const edits = editSetOf(
      [
        runEdit({ first: 2, last: 3 }, 'nothing'),
        textStreamEdit({ first: 1, last: 4 }),
        ffnEdit(0, 'text'),
        ffnEdit(2, 'image'),
        ...atEnd,
      ],
      editableModel(config),
      'the test',
    );
    const fingerprint = await fingerprintOf(familyNamed(family).identity, config.raw, checkpoint);
    const calibration = syntheticCalibration(config, { samples: 12, timesteps: 3, seed: 2 });
    const transformer = await openTransformer(config, checkpoint);
    const maps = { store: memoryStates(), owner: 'test' };
    const fitted = await fitWidth(transformer, calibration, edits, maps);
    const sets = new Map<number, WeightSet>();
    const narrow = narrowBlocks(architectureOf(config), edits);
    for (const block of narrow.values()) sets.set(block.index, await mapsOnEngine(maps, block.index, block.maps));
    const steps = narrowSteps(stepsOf(config.numBlocks, runsOf(edits)), narrow, (block) => sets.get(block)!);
    const inputs = calibration.batches[0]!;
    const inMemory = await transformer.forward(
      inputs,
      steps.filter((step) => step !== null),
    );
    const { blob } = await fileOf('maps.safetensors', mapFileParts(maps, fitted, { fingerprint, family, width }));
    const files = await folderOf({ config, checkpoint }, edits, blob);
    const exported = await openExported(files);
    expect(countParameters(exported.config).total).toBe(editedModel(config, edits).parameters);
    expectClose(await exported.transformer.forward(inputs), [...inMemory], 2e-4);
    const readme = files.find(({ path }) => path === 'README.md')!;
    const card = new TextDecoder().decode(await readme.blob.arrayBuffer());
    expect(card).toContain('Contigua alone reads it');
    expect(card).not.toContain('from_pretrained');
    const whole = await transformer.forward(inputs);
    expect(Math.max(...whole.map((value, i) => Math.abs(value - inMemory[i]!)))).toBeGreaterThan(0.01);
    for (const set of sets.values()) set.dispose();
    for (const one of [exported.transformer, transformer]) one.dispose();
  });
});
