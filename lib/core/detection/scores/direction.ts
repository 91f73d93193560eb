/** Direction error of block `first` alone against the state after `last`. */
import type { Score } from './score.ts';

export const direction = {
  name: 'direction',
  label: 'direction error',
  about: 'How far the state after the first block alone points away from the state after the last one',
  column: 'damage_direction',
  needs: null,
  kind: 'predicted',
  isShare: false,
  adds: 'plainly',
  isSimilarity: false,
  of: (report, { first, last }) => report.directionErrors[first]?.[last] ?? null,
} as const satisfies Score;
