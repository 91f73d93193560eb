/** Numbers of blocks as text, for the terminal and for links: `0-2,58`. */
import { ContiguaError } from '../errors.ts';
import type { Depth } from '../interval/index.ts';

/** Ascending, each once. Throws `plan-invalid`, naming `where`. */
export function parseBlocks(text: string, depth: Pick<Depth, 'numBlocks'>, where: string): number[] {
  const found = new Set<number>();
  for (const part of text.split(',')) {
    const ends = /^\s*(\d{1,6})(?:-(\d{1,6}))?\s*$/.exec(part);
    const [first, last] = ends ? [Number(ends[1]), Number(ends[2] ?? ends[1])] : [0, -1];
    if (last < first) {
      const expected = 'numbers and ranges, as in 0,1,58-59';
      throw new ContiguaError('plan-invalid', `${where}: The blocks are not readable`, { found: text, expected });
    }
    if (last >= depth.numBlocks) {
      const expected = `0 to ${depth.numBlocks - 1}`;
      throw new ContiguaError('plan-invalid', `${where}: The model has no such block`, {
        found: String(last),
        expected,
      });
    }
    for (let block = first; block <= last; block++) found.add(block);
  }
  return [...found].sort((a, b) => a - b);
}

/** As `parseBlocks` reads it. */
export function formatBlocks(blocks: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const block of [...blocks].sort((a, b) => a - b)) {
    const before = runs.at(-1);
    if (before && block <= before[1] + 1) before[1] = block;
    else runs.push([block, block]);
  }
  return runs.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}
