import { expect, test } from 'vitest';
import { fileOf, oneHeadModel, openExported } from '../../testing/narrower-blocks.ts';
import { syntheticCalibration } from '../capture/index.ts';
import { fingerprintOf } from '../checkpoint/index.ts';
import { type Edit, editSetOf, ffnEdit, runEdit, runsOf, textStreamEdit } from '../edit/index.ts';
import { studentFolder } from '../export/index.ts';
import { tinyPlan } from '../export/plan-fixtures.ts';
import { architectureOf, countParameters, editableModel, editedModel, familyNamed } from '../model/config-index.ts';
import { narrowBlocks, narrowSteps, openTransformer, stepsOf, type WeightSet } from '../model/index.ts';
import type { PlannedWidthEdit } from '../plan/index.ts';
import { memoryStates } from '../states/index.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { fitWidth, mapFileParts, mapsOnEngine } from './index.ts';

const { config, checkpoint } = oneHeadModel(8);
const { family, width } = config;
const fingerprint = await fingerprintOf(familyNamed(family).identity, config.raw, checkpoint);
const calibration = syntheticCalibration(config, { samples: 12, timesteps: 3, seed: 2 });
const RUN = runEdit({ first: 2, last: 3 }, 'nothing');
const WIDTH = [
  textStreamEdit({ first: 1, last: 4 }),
  ffnEdit(2, 'image'),
  ffnEdit(5, 'image'),
  ffnEdit(5, 'text'),
  textStreamEdit({ first: 6, last: 7 }),
] as const;
const EDITS = editSetOf([RUN, ...WIDTH] as readonly Edit[], editableModel(config), 'the test');

describePerEngine(['wasm'], 'a model with linear maps', () => {
  test('gives as a folder what it gives in memory', async () => {
    const transformer = await openTransformer(config, checkpoint);
    const maps = { store: memoryStates(), owner: 'test' };
    const fitted = await fitWidth(transformer, calibration, EDITS, maps);
    const narrow = narrowBlocks(architectureOf(config), EDITS);
    const sets = new Map<number, WeightSet>();
    for (const block of narrow.values()) sets.set(block.index, await mapsOnEngine(maps, block.index, block.maps));
    const steps = narrowSteps(stepsOf(config.numBlocks, runsOf(EDITS)), narrow, (block) => sets.get(block)!);
    const inputs = calibration.batches[0]!;
    const route = steps.filter((step) => step !== null);
    const inMemory = await transformer.forward(inputs, route);

    const file = await fileOf('maps.safetensors', mapFileParts(maps, fitted, { fingerprint, family, width }));
    const planned = WIDTH.map((edit): PlannedWidthEdit => ({ ...edit, fitError: null, outputError: null }));
    const files = await studentFolder({
      teacher: { name: 'tiny', config, checkpoint, folder: '', companions: [] },
      plan: tinyPlan(config, fingerprint, [RUN]),
      students: [],
      removed: [RUN],
      fineTuned: null,
      run: null,
      narrow: { edits: planned, maps: [file] },
    });
    const exported = await openExported(files);
    expect(countParameters(exported.config).total).toBe(editedModel(config, EDITS).parameters);
    const card = new TextDecoder().decode(await files.find(({ path }) => path === 'README.md')!.blob.arrayBuffer());
    expect(card).toMatch(/pruned from \*\*tiny\*\* without training/);
    const asFolder = await exported.transformer.forward(inputs);
    for (const [i, value] of asFolder.entries()) expect(value).toBeCloseTo(inMemory[i]!, 4);
    // And it is not what the whole model gives.
    const whole = await transformer.forward(inputs);
    expect(Math.max(...whole.map((value, i) => Math.abs(value - inMemory[i]!)))).toBeGreaterThan(0.05);
    exported.transformer.dispose();
    transformer.dispose();
  });
});
