/** Stacks as a plan or a report declares them: one behind the other without a gap, from the first block to the last. */
import { ContiguaError } from '../errors.ts';
import type { DeclaredStack } from '../model/config-index.ts';
import type { JsonFileKind } from './json-file.ts';

type Told = Pick<JsonFileKind, 'code' | 'hint'>;

/** Throws with the code of `told`, naming the stack. */
export function checkStacks(
  { numBlocks, stacks }: { readonly numBlocks: number; readonly stacks: readonly DeclaredStack[] },
  file: string,
  told: Told,
): void {
  let next = 0;
  for (const [i, { first, last }] of stacks.entries()) {
    if (first !== next || last < first || last >= numBlocks) {
      const expected = `a stack from block ${next} on, inside blocks 0 to ${numBlocks - 1}`;
      throw wrong(`model.stacks[${i}]`, `blocks ${first} to ${last}`, expected, file, told);
    }
    next = last + 1;
  }
  if (next !== numBlocks) throw wrong('model.stacks', `${next} blocks`, `${numBlocks}`, file, told);
}

/** Version 1 named the first block of every stack but the first. */
export function checkSeamsV1(
  { numBlocks, seams = [] }: { readonly numBlocks: number; readonly seams?: readonly number[] | undefined },
  file: string,
  told: Told,
): void {
  for (const [i, seam] of seams.entries()) {
    const before = seams[i - 1] ?? 0;
    if (seam > before && seam < numBlocks) continue;
    throw wrong(`model.seams[${i}]`, `${seam}`, `more than ${before} and less than ${numBlocks}`, file, told);
  }
}

function wrong(path: string, found: string, expected: string, file: string, { code, hint }: Told): ContiguaError {
  return new ContiguaError(code, `\`${path}\` does not fit the number of blocks`, { file, found, expected, hint });
}
