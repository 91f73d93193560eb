/** A problem of the size of Qwen-Image with all kinds of edit, for tests and benchmarks. */
import { seededRandom } from '../random.ts';
import type { Choice, Problem, Span } from './index.ts';

/** Qwen-Image's counts, with damages that grow with length and depth as measured ones do, and noise. */
export function largeProblem(): Problem {
  const random = seededRandom(5);
  const noise = () => 0.5 + random.uniform();
  const [block, ffn, modulation] = [340_000_000, 66_000_000, 56_600_000];
  const spans: Span[] = [];
  for (let first = 0; first < 60; first++) {
    for (let last = first + 1; last < 60; last++) {
      const saves = (last - first) * block;
      const depth = 0.02 * (last - first) ** 1.5 * noise();
      spans.push({ id: `n${first}-${last}`, track: 'depth', first, last, closedFrom: first + 1, saves, damage: depth });
      const student = { track: 'depth', first, last, closedFrom: first, saves, damage: 0.3 * depth };
      spans.push({ id: `s${first}-${last}`, ...student });
      const text = { track: 'text', first, last, closedFrom: null, saves: (last - first) * 38_000_000 };
      if (last - first < 12) spans.push({ id: `t${first}-${last}`, ...text, damage: 0.01 * (last - first) * noise() });
    }
  }
  const choices: Choice[] = Array.from({ length: 60 }, (_, at) => [
    ...['image', 'text'].map((stream) => ({
      id: `f${at}-${stream}`,
      block: at,
      group: `ffn ${stream}`,
      saves: ffn,
      damage: 0.02 * noise(),
    })),
    ...[8, 32, 128].map((rank) => ({
      id: `m${at}-${rank}`,
      block: at,
      group: 'modulation',
      saves: 2 * modulation - rank * 43_000,
      damage: (0.02 * noise()) / rank,
    })),
  ]).flat();
  const wholes = [16, 64].map((rank) => ({
    id: `basis ${rank}`,
    group: 'basis',
    saves: 100_000_000 - rank * 100_000,
    damage: 0.1 / rank,
  }));
  return { numBlocks: 60, spans, choices, wholes };
}
