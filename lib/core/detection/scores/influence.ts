/** Block Influence (ShortGPT, arXiv 2403.03853) of an interval: 1 − the mean cosine of the states after its first and its last block. */
import type { Score } from './score.ts';

export const influence = {
  name: 'influence',
  label: 'Block Influence',
  about: 'Cheap proxy (ShortGPT): 1 − the mean cosine of the states after the first and the last block of the interval',
  column: 'damage_block_influence',
  needs: null,
  kind: 'proxy',
  isShare: false,
  adds: 'plainly',
  isSimilarity: false,
  of: ({ proxies }, { first, last }) => proxies?.intervals.blockInfluence[first]?.[last] ?? null,
} as const satisfies Score;
