/** Held-out probe errors of blocks first+1..last, mean over streams, summed over blocks. */
import type { Score } from './score.ts';

export const probe = {
  name: 'probe',
  label: 'probe error',
  about: "The held-out errors of the later blocks' probes, summed",
  column: 'damage_probe',
  needs: null,
  kind: 'predicted',
  isShare: false,
  adds: 'plainly',
  isSimilarity: false,
  of(report, { first, last }) {
    let sum = 0;
    let blocks = 0;
    for (let block = first + 1; block <= last; block++) {
      const errors = Object.values(report.streams)
        .map(({ probeError }) => probeError[block] ?? null)
        .filter((e) => e !== null);
      if (errors.length === 0) continue;
      sum += errors.reduce((a, b) => a + b, 0) / errors.length;
      blocks++;
    }
    return blocks === 0 ? null : sum;
  },
} as const satisfies Score;
