/**
 * The choice that detection's breaks do not bind: of all sets of disjoint intervals that remove a given number of blocks,
 * the one of least total damage, by dynamic programming over (block, blocks removed). With `1 − cka(u, v)` as the damage
 * it lets intervals grow where blocks are alike, instead of taking every short one that was detected; at half the depth
 * that is worth much (docs/study.md).
 */
import type { BlockInterval, Depth } from '../interval/interval.ts';
import { stackAround } from '../interval/interval-set.ts';
import { addedDamage } from './damage.ts';
import type { DamageScore } from './scores/index.ts';
import type { RankableReport } from './scores/score.ts';
import { DEFAULT_DETECTION, type DetectionSettings } from './settings.ts';

/**
 * Intervals in order of depth that remove exactly `removeCount` of `numBlocks` blocks, the sum of `damageOf` least; of equal
 * ones the first found. Intervals whose damage is null are not taken; fewer blocks go where nothing else is possible.
 */
export function leastDamage(
  depth: Depth,
  removeCount: number,
  damageOf: (interval: BlockInterval) => number | null,
): BlockInterval[] {
  const { numBlocks } = depth;
  const most = Math.min(Math.max(0, Math.floor(removeCount)), numBlocks - 1);
  // ways[i][r]: the best for blocks 0 … i−1 with r of them removed.
  const ways: (Way | undefined)[][] = Array.from({ length: numBlocks + 1 }, () => []);
  ways[0]![0] = { damage: 0, interval: null, before: null };
  const offer = (i: number, removed: number, way: Way) => {
    const known = ways[i]![removed];
    if (!known || way.damage < known.damage) ways[i]![removed] = way;
  };
  for (let first = 0; first < numBlocks; first++) {
    const { last: end } = stackAround(first, depth);
    for (let removed = 0; removed <= most; removed++) {
      const before = ways[first]![removed];
      if (!before) continue;
      offer(first + 1, removed, { ...before, before, interval: null });
      for (let last = first + 1; last <= end && removed + last - first <= most; last++) {
        const damage = damageOf({ first, last });
        if (damage === null) continue;
        offer(last + 1, removed + last - first, {
          damage: before.damage + damage,
          interval: { first, last },
          before,
        });
      }
    }
  }
  const chosen: BlockInterval[] = [];
  for (let way = ways[numBlocks]!.findLast((found) => found !== undefined); way?.before; way = way.before) {
    if (way.interval) chosen.unshift(way.interval);
  }
  return chosen;
}

interface Way {
  readonly damage: number;
  /** The interval that ends here, or null where the last block stays. */
  readonly interval: BlockInterval | null;
  readonly before: Way | null;
}

/** `leastDamage` with what each interval adds by a score of the report; measured scores know the intervals alone that were measured. */
export function chooseLeastDamage(
  report: RankableReport,
  depth: Depth,
  removeCount: number,
  score: DamageScore,
  settings: DetectionSettings = DEFAULT_DETECTION,
): BlockInterval[] {
  return leastDamage(depth, removeCount, (interval) => addedDamage(report, interval, score, settings));
}
