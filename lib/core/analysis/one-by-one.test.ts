import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { syntheticCalibration } from '../capture/index.ts';
import { type EditSet, runEdit } from '../edit/index.ts';
import { goldenCheckpoint } from '../model/golden-fill.ts';
import { openTransformer, parseModelConfig } from '../model/index.ts';
import { goldenQ1 } from '../model/qwen-image/goldens.ts';
import { startTestEngine } from '../tensor/test-engines.ts';
import { measureWidth } from '../width/index.ts';
import { choiceDamage, damageInputsOf, editDamage, partDamage } from './edit-damage.ts';
import { fitMaps } from './fit-probes.ts';
import { listedMaps } from './fitted-maps.ts';

const config = parseModelConfig(JSON.stringify({ ...goldenQ1().config.raw, num_layers: 4 }), 'config.json');
const calibration = syntheticCalibration(config, { samples: 8, timesteps: 4, seed: 5 });
const opened = async (residentBytes: number) =>
  await openTransformer(config, goldenCheckpoint(config), { residentBytes });
const [STAYING, READ_AGAIN] = [1e9, 0];
const NOTHING = [runEdit({ first: 0, last: 1 }, 'nothing'), runEdit({ first: 1, last: 3 }, 'nothing')];

beforeAll(() => startTestEngine('wasm'));

test('what runs one by one errs to the bit as side by side: runs, probes, halves of blocks, narrower blocks, no edit', async () => {
  const measured = async (residentBytes: number) => {
    const transformer = await opened(residentBytes);
    const inputs = damageInputsOf(calibration, listedMaps(await fitMaps(transformer, calibration)));
    const results = [
      await editDamage(transformer, inputs, [...NOTHING, runEdit({ first: 0, last: 2 }, 'probes')]),
      await partDamage(transformer, inputs, [
        { block: 0, part: 'block' },
        { block: 2, part: 'attention' },
        { block: 3, part: 'ffn' },
      ]),
      await measureWidth(transformer, calibration, inputs, [
        { on: 'ffn', block: 1, stream: 'image', by: 'linear' },
        { on: 'ffn', block: 2, stream: 'text', by: 'linear' },
      ]),
      await choiceDamage(transformer, inputs, []),
    ];
    transformer.dispose();
    return results;
  };
  const staying = await measured(STAYING);
  expect(staying).toEqual(await measured(READ_AGAIN));
});

test.each([0, 3, 4, 7])(
  'a stop after %i blocks leaves nothing on the engine, and keeps what was known',
  async (blocks) => {
    const transformer = await opened(STAYING);
    const inputs = damageInputsOf(calibration, []);
    await editDamage(transformer, damageInputsOf(calibration, []), NOTHING);
    const before = tf.memory().numTensors;
    const stop = new AbortController();
    const asked = editDamage(transformer, inputs, NOTHING, {
      signal: stop.signal,
      onProgress: (done) => done > blocks && stop.abort(),
    });
    await expect(asked).rejects.toThrow();
    expect(tf.memory().numTensors).toBe(before);
    expect(inputs.wholeOutputs).toHaveLength(Math.min(inputs.batches.length, Math.floor(blocks / config.numBlocks)));
    transformer.dispose();
  },
);

test('so does a result that cannot be kept, in the middle of several ways', async () => {
  const transformer = await opened(STAYING);
  const inputs = damageInputsOf(calibration, []);
  await choiceDamage(transformer, inputs, [] satisfies EditSet);
  const before = tf.memory().numTensors;
  const onMeasured = () => Promise.reject(new Error('full'));
  await expect(editDamage(transformer, inputs, NOTHING, { onMeasured })).rejects.toThrow('full');
  expect(tf.memory().numTensors).toBe(before);
  transformer.dispose();
});
