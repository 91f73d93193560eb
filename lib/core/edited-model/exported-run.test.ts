/** What a run of students, maps and shared modulations leaves, as a folder: it gives what the edits give in memory. */
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { openExported } from '../../testing/narrower-blocks.ts';
import { editKey, editSetOf } from '../edit/index.ts';
import { runParts, studentFolder } from '../export/index.ts';
import { tinyPlan } from '../export/plan-fixtures.ts';
import { editableModel, editedModel } from '../model/config-index.ts';
import { countParameters } from '../model/index.ts';
import { memoryStates } from '../states/index.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { mapsOnEngine } from '../width/index.ts';
import { mapsByBlock, openEdits, storeTrainedMaps, withModulations } from './index.ts';
import {
  calibration,
  checkpoint,
  config,
  EDITS,
  fingerprint,
  MAPPED,
  narrowRun,
  RUN,
  SHARED,
} from './narrow-run-fixtures.ts';

describePerEngine(['wasm'], 'a run with students, maps and shared modulations', () => {
  test('gives as a folder what it gives in memory, and refuses maps without what they were trained behind', async () => {
    const { transformer, model, student, files, sources, run, keys } = await narrowRun();
    const stored = { store: memoryStates(), owner: 'stored' };
    const trained = sources.flatMap((source) => (source.on === 'run' ? [] : [source]));
    await storeTrainedMaps(model, trained, EDITS, stored);
    const { route, dispose } = await openEdits(
      model,
      sources,
      async () => () => undefined,
      async (set) => await mapsByBlock(model, set, stored),
    );
    const own = await transformer.forward(calibration.batches[0]!, route);
    const held = tf.memory().numTensors;
    const onDemand = await openEdits(
      model,
      sources,
      async () => () => undefined,
      async () => async (block) => await mapsOnEngine(stored, block.index, block.maps),
    );
    // The student is on the engine, and no map between two passes.
    const tensors = tf.memory().numTensors;
    expect(await transformer.forward(calibration.batches[0]!, onDemand.route)).toEqual(own);
    expect(tf.memory().numTensors).toBe(tensors);
    onDemand.dispose();
    expect(tf.memory().numTensors).toBe(held);
    const shared = await withModulations(model, transformer, [SHARED], files.get('modulations')!);
    const inputs = calibration.batches[0]!;
    const inMemory = await shared.transformer.forward(inputs, route);
    const whole = await shared.transformer.forward(inputs);

    const left = await runParts(run, keys, async (key) => files.get(key)!);
    expect(left?.edits.map((edit) => [editKey(edit), edit.fitError])).toContainEqual(['modulation rank 3', 0.25]);
    await expect(runParts(run, keys.slice(1), async (key) => files.get(key)!)).rejects.toThrow(
      /was trained with 2-3 in place/,
    );
    const folder = await studentFolder({
      teacher: { name: 'tiny', config, checkpoint, folder: '', companions: [] },
      plan: tinyPlan(config, fingerprint, [RUN]),
      students: [{ interval: RUN, file: student }],
      fineTuned: null,
      run: null,
      narrow: left!,
    });
    const exported = await openExported(folder);
    const all = editSetOf([RUN, ...MAPPED, SHARED], editableModel(config), 'the test');
    expect(countParameters(exported.config).total).toBe(editedModel(config, all).parameters);
    const asFolder = await exported.transformer.forward(inputs);
    for (const [i, value] of asFolder.entries()) expect(value).toBeCloseTo(inMemory[i]!, 4);
    // And it is not what the modulations alone give.
    expect(Math.max(...whole.map((value, i) => Math.abs(value - inMemory[i]!)))).toBeGreaterThan(0.05);
    exported.transformer.dispose();
    shared.dispose();
    dispose();
    transformer.dispose();
  });
});
