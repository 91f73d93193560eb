/** Block numbers as text: runs of them as `0-5`, single ones as `7`. */

/** `0-5 7 9-10`; numbers are ascending. */
export function formatBlocks(blocks: readonly number[], separator: string): string {
  const runs: [number, number][] = [];
  for (const block of blocks) {
    const last = runs.at(-1);
    if (last && last[1] === block - 1) last[1] = block;
    else runs.push([block, block]);
  }
  return runs.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(separator);
}

/** Back, in the order of the text; null where it is no such text, or names more than `most` blocks. */
export function parseBlocks(text: string, separator: string, most: number): number[] | null {
  const blocks: number[] = [];
  for (const part of text.split(separator)) {
    const [, from, to = from] = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(part) ?? [];
    if (from === undefined || to === undefined) return null;
    const count = Number(to) - Number(from) + 1;
    if (count < 1 || blocks.length + count > most) return null;
    for (let i = 0; i < count; i++) blocks.push(Number(from) + i);
  }
  return blocks;
}
