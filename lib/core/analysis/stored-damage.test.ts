import { expect, test, vi } from 'vitest';
import { syntheticCalibration } from '../capture/index.ts';
import { runEdit } from '../edit/index.ts';
import { goldenModel } from '../model/golden-fill.ts';
import { openTransformer } from '../model/index.ts';
import { goldenQ1 } from '../model/qwen-image/goldens.ts';
import { memoryStates } from '../states/index.ts';
import { startTestEngine } from '../tensor/test-engines.ts';
import { damageInputsOf } from './edit-damage.ts';
import { storedDamage, storedParts } from './stored-damage.ts';

const { config, checkpoint } = goldenModel({ ...goldenQ1().config.raw, num_layers: 4 });
const calibration = syntheticCalibration(config, { samples: 8, timesteps: 4, seed: 5 });
const EDITS = [
  runEdit({ first: 0, last: 1 }, 'nothing'),
  runEdit({ first: 1, last: 2 }, 'nothing'),
  runEdit({ first: 2, last: 3 }, 'nothing'),
];
const PARTS = [
  { block: 0, part: 'attention' },
  { block: 1, part: 'ffn' },
] as const;

test('what was measured before an interruption is read, told first, and not measured again', async () => {
  await startTestEngine('wasm');
  const transformer = await openTransformer(config, checkpoint);
  const inputs = () => damageInputsOf(calibration, []);
  const expected = await storedDamage(transformer, inputs(), EDITS, null);
  expect(expected.every(({ outputError }) => (outputError ?? 0) > 0)).toBe(true);
  const store = memoryStates();
  const stopped = storedDamage(transformer, inputs(), EDITS, store, {
    waysAtOnce: 1,
    onMeasured(index) {
      if (index === 1) throw new Error('interrupted');
    },
  });
  await expect(stopped).rejects.toThrow('interrupted');
  const told: number[] = [];
  const ran = vi.spyOn(transformer, 'runStep');
  const again = await storedDamage(transformer, inputs(), [...EDITS].reverse(), store, {
    onMeasured: (index) => void told.push(index),
  });
  expect(again).toEqual([...expected].reverse());
  expect(told).toEqual([1, 2, 0]);
  expect(ran).toHaveBeenCalled();
  ran.mockClear();
  await storedDamage(transformer, inputs(), EDITS, store);
  expect(ran).not.toHaveBeenCalled();
  const parts = await storedParts(transformer, inputs(), PARTS, store);
  ran.mockClear();
  expect(await storedParts(transformer, inputs(), PARTS, store)).toEqual(parts);
  expect(ran).not.toHaveBeenCalled();
  transformer.dispose();
});
