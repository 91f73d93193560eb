/** Input–output MSE (Flux.1 Lite) of an interval: the mean squared difference of the states after its first and its last block. */
import type { Score } from './score.ts';

export const mse = {
  name: 'mse',
  label: 'input–output MSE',
  about:
    'Cheap proxy (Flux.1 Lite): the mean squared difference of the states after the first and the last block of the interval; grows with the size of the states',
  column: 'damage_input_output_mse',
  needs: null,
  kind: 'proxy',
  isShare: false,
  adds: 'plainly',
  isSimilarity: false,
  of: ({ proxies }, { first, last }) => proxies?.intervals.inputOutputMse[first]?.[last] ?? null,
} as const satisfies Score;
