import { expect, test } from 'vitest';
import { parseModelConfig } from '../model/config-index.ts';
import { scheduledTimesteps } from './index.ts';

const SCHEDULE = { scheduler: null, imageTokens: 16 };
const configOf = (keys: object) =>
  parseModelConfig(JSON.stringify({ _class_name: 'QwenImageTransformer2DModel', ...keys }), 'config.json');

test('the timesteps of a table are those of the schedule', () => {
  const found = scheduledTimesteps(configOf({}), SCHEDULE, 4);
  expect(found).toHaveLength(4);
  expect(found[0]).toBe(1);
  expect(found).not.toContain(0);
});

test('the timesteps of a table have 0 as well where reference images are modulated as at time 0', () => {
  const plain = scheduledTimesteps(configOf({}), SCHEDULE, 4);
  expect(scheduledTimesteps(configOf({ zero_cond_t: true }), SCHEDULE, 4)).toEqual([...plain, 0]);
});
