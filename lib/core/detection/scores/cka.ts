/** 1 − cka(first, last) of the surrogate, as the detection settings read it. */
import { similarityOf } from '../trajectory.ts';
import type { Score } from './score.ts';

export const cka = {
  name: 'cka',
  label: '1 − surrogate CKA',
  about: 'How unlike the true and the probe-replaced states are after the last block of the interval',
  column: 'damage_1_minus_surrogate_cka',
  needs: null,
  kind: 'predicted',
  isShare: false,
  adds: 'plainly',
  isSimilarity: true,
  of(report, interval, settings) {
    const similarity = similarityOf(report, settings, interval);
    return similarity === null ? null : 1 - similarity;
  },
} as const satisfies Score;
