import { expect, test } from 'vitest';
import { DAMAGE_SCORES, DEFAULT_DAMAGE_SCORE, scoreNamed } from './index.ts';

test('names in links and columns of tables stay what they were, and tell scores apart', () => {
  expect(DAMAGE_SCORES.map(({ name, column }) => [name, column])).toEqual([
    ['removed', 'damage_removed'],
    ['probed', 'damage_probed'],
    ['cka', 'damage_1_minus_surrogate_cka'],
    ['probe', 'damage_probe'],
    ['direction', 'damage_direction'],
    ['early', 'damage_removed_early'],
    ['influence', 'damage_block_influence'],
    ['mse', 'damage_input_output_mse'],
    ['linear', 'damage_linear'],
    ['linear-early', 'damage_linear_early'],
  ]);
  expect(new Set(DAMAGE_SCORES.map(({ label }) => label)).size).toBe(DAMAGE_SCORES.length);
  expect(scoreNamed(DEFAULT_DAMAGE_SCORE).label).toBe('output error, linear, early steps');
});
