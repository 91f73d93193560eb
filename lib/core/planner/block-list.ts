/** Numbers of blocks as text, for the terminal and for links: `0-2,58`. */
import { formatBlocks, parseBlocks } from '../edit/index.ts';
import { ContiguaError } from '../errors.ts';
import type { Depth } from '../interval/index.ts';

/** Ascending, each once. Throws `plan-invalid`, naming `where`. */
export function parseBlockList(text: string, { numBlocks }: Pick<Depth, 'numBlocks'>, where: string): number[] {
  const parts = text.split(',').map((part) => part.trim());
  // A number may be named twice, but no range is longer than the largest number that the model could have.
  const blocks = parts.flatMap((part) => parseBlocks(part, ',', 1_000_000) ?? [Number.NaN]);
  if (blocks.some(Number.isNaN)) {
    const expected = 'numbers and ranges, as in 0,1,58-59';
    throw new ContiguaError('plan-invalid', `${where}: The blocks are not readable`, { found: text, expected });
  }
  const outside = blocks.find((block) => block >= numBlocks);
  if (outside !== undefined) {
    const details = { found: String(outside), expected: `0 to ${numBlocks - 1}` };
    throw new ContiguaError('plan-invalid', `${where}: The model has no such block`, details);
  }
  return [...new Set(blocks)].sort((a, b) => a - b);
}

/** As `parseBlockList` reads it. */
export function formatBlockList(blocks: readonly number[]): string {
  return formatBlocks(
    [...blocks].sort((a, b) => a - b),
    ',',
  );
}
