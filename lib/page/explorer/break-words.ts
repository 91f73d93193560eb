/** Where the run of blocks from a start ends, in one sentence that a reader can check on the curve of differences. Pure. */
import { lastBeforeBreak } from '@/lib/core/detection/index.ts';
import { type BlockInterval, stackAround } from '@/lib/core/interval/index.ts';

/** `differences` is Δ(start, ·), one value per block; null up to the start and where no stream has one. A seam ends a run. */
export function breakWords(
  differences: readonly (number | null)[],
  start: number,
  stacks: readonly BlockInterval[] = [],
): string {
  const { last: final } = stackAround(start, { numBlocks: differences.length, stacks });
  const end = final === differences.length - 1 ? 'the last block' : 'the seam between two stacks';
  if (start >= final) {
    return final === differences.length - 1
      ? `Block ${start} is the last one: no run starts here.`
      : `Block ${start} is the last one before the seam between two stacks: no run starts here.`;
  }
  const last = lastBeforeBreak(differences.slice(0, final + 1), start);
  const known = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, i) => from + i).filter((k) => typeof differences[k] === 'number');
  const within = known(start + 1, last);
  const blocks = `blocks ${start} ${last === start + 1 ? 'and' : 'to'} ${last} are one run`;
  if (last === final) {
    return within.length > 1
      ? `From block ${start} the difference never rises: ${blocks}, up to ${end}.`
      : `From block ${start} there is no second difference to rise: ${blocks}, up to ${end}.`;
  }
  const [next = last + 1] = known(last + 1, final);
  const [only] = within;
  // A single difference has nothing before it to fall from.
  if (within.length === 1)
    return `From block ${start}, Δ(${start}, ${next}) is already above Δ(${start}, ${only}): ${blocks}.`;
  return `From block ${start} the difference falls until block ${within.at(-1)}, then rises: ${blocks}.`;
}
