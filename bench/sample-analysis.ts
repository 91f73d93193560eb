/**
 * Processor time of the sample's analysis on WASM in Node, of this working tree beside another one: in turns in one run, and how far
 * their figures differ. `node --import ./scripts/sources.mjs bench/sample-analysis.ts [--beside ../other-tree] [--turns 5] [--engine wasm]`
 */
import { parseArgs } from 'node:util';
import { analysisOf } from './contestants.ts';
import { among, load, shown, takeTurns } from './turns.ts';

const { values: options } = parseArgs({
  options: {
    beside: { type: 'string' },
    turns: { type: 'string', default: '5' },
    engine: { type: 'string', default: 'wasm' },
  },
});
const roots = ['.', ...(options.beside ? [options.beside] : [])];
const contestants = roots.map((root) => analysisOf(options.engine, root));

await among(contestants, async () => {
  const taken = await takeTurns(contestants, { turns: Number(options.turns), steps: 1 });
  console.log(`${load()}, ${options.turns} turns, medians [quartiles]\n`);
  console.log('| working tree | processor time | time |\n|---|---|---|');
  for (const [{ name }, { cpuMs, wallMs }] of taken) {
    console.log(
      `| ${name} | ${shown(
        cpuMs.map((ms) => ms / 1000),
        2,
      )} s | ${shown(
        wallMs.map((ms) => ms / 1000),
        2,
      )} s |`,
    );
  }
  const [own, other] = contestants.map((one) => taken.get(one)!);
  if (!own || !other) return;
  const ratios = own.cpuMs.map((ms, turn) => ms / other.cpuMs[turn]!);
  console.log(`\nProcessor time of the first over the second, turn by turn: ${shown(ratios, 2)}`);
  console.log(
    `Largest difference of their figures, relative where they are over 1: ${worstDifference(own.values, other.values)}`,
  );
  console.log(
    `Least processor time: ${(Math.min(...own.cpuMs) / 1000).toFixed(2)} and ${(Math.min(...other.cpuMs) / 1000).toFixed(2)} s`,
  );
});

function worstDifference(a: readonly (number | null)[] = [], b: readonly (number | null)[] = []): string {
  if (a.length !== b.length || a.length === 0) return `${a.length} figures against ${b.length}`;
  let worst = 0;
  for (const [i, x] of a.entries()) {
    const y = b[i] ?? null;
    if ((x === null) !== (y === null)) return 'a figure is missing in one of them';
    if (x !== null && y !== null) worst = Math.max(worst, Math.abs(x - y) / Math.max(1, Math.abs(y)));
  }
  return `${worst.toExponential(1)} of ${a.length} figures`;
}
