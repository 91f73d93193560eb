import { expect, test } from 'vitest';
import { damageInputsOf } from '../core/analysis/index.ts';
import { syntheticCalibration } from '../core/capture/index.ts';
import { goldenModel } from '../core/model/golden-fill.ts';
import { openTransformer } from '../core/model/index.ts';
import { goldenQ1 } from '../core/model/qwen-image/goldens.ts';
import { startTestEngine } from '../core/tensor/test-engines.ts';
import { waysAtOnce } from './ways.ts';

test('ways of one turn are as many as their states have room on the engine, and at most eight where weights are read again', async () => {
  await startTestEngine('cpu');
  const { config, checkpoint } = goldenModel(goldenQ1().config.raw);
  const transformer = await openTransformer(config, checkpoint, { residentBytes: 0 });
  const inputs = damageInputsOf(syntheticCalibration(config, { samples: 8, timesteps: 4, seed: 1 }), []);
  const ways = (engineBytes?: number) =>
    waysAtOnce(inputs, transformer, engineBytes === undefined ? undefined : { engineBytes });
  expect(ways()).toBe(8);
  expect(ways(1e12)).toBe(8);
  expect(ways(0)).toBe(1);
  const room = Array.from({ length: 400 }, (_, i) => ways(i * 1000));
  expect(new Set(room)).toEqual(new Set([1, 2, 3, 4, 5, 6, 7, 8]));
  expect(room).toEqual(room.toSorted((a, b) => a - b));
  const staying = await openTransformer(config, checkpoint);
  expect(waysAtOnce(inputs, staying, undefined)).toBeGreaterThan(100);
  expect(waysAtOnce(inputs, staying, undefined)).toBeLessThan(Number.POSITIVE_INFINITY);
  expect(waysAtOnce(inputs, staying, { engineBytes: 1e12 })).toBeGreaterThan(waysAtOnce(inputs, staying, undefined));
  expect(waysAtOnce(inputs, staying, { engineBytes: 0 })).toBe(1);
  staying.dispose();
  transformer.dispose();
});
