/**
 * Measured damage of many runs on the first sample, whose weights stay on the engine: each run to its end (lib/core/analysis/one-by-one.ts),
 * all side by side, and one sweep over the blocks for each. In turns, on inputs of noise.
 *
 *   node --import ./scripts/sources.mjs bench/one-by-one.ts [wasm|tensorflow] [turns]
 */
import { damageInputsOf, editDamage } from '../lib/core/analysis/index.ts';
import { syntheticCalibration } from '../lib/core/capture/index.ts';
import { runEdits } from '../lib/core/edit/index.ts';
import { startEngine } from './answer-turns.ts';
import { openSample, SAMPLE_FOLDERS } from './sample-model.ts';
import { load } from './turns.ts';

const [engine = 'wasm', turns = '4'] = process.argv.slice(2);
await startEngine(engine);
const transformer = await openSample(SAMPLE_FOLDERS[0]);
const { numBlocks } = transformer.config;
const calibration = syntheticCalibration(transformer.config, { samples: 48, timesteps: 4, seed: 1 });
const runs = Array.from({ length: numBlocks }, (_, first) => [1, 3].map((more) => ({ first, last: first + more })))
  .flat()
  .filter(({ last }) => last < numBlocks);
const edits = runEdits(runs, 'nothing');

const CONTESTANTS = [
  ['one by one', transformer, edits.length],
  ['side by side', { ...transformer, residentBlocks: 0 }, edits.length],
  ['a sweep each', { ...transformer, residentBlocks: 0 }, 1],
] as const;

async function timed([, model, waysAtOnce]: (typeof CONTESTANTS)[number]): Promise<number> {
  const inputs = damageInputsOf(calibration, []);
  const start = performance.now();
  await editDamage(model, inputs, edits, { waysAtOnce });
  return performance.now() - start;
}

await timed(CONTESTANTS[0]); // compiles, allocates
console.log(`${edits.length} runs of ${numBlocks} blocks on ${engine}, ${load()}`);
for (let turn = 0; turn < Number(turns); turn++) {
  const took: [string, number][] = [];
  for (const contestant of CONTESTANTS) took.push([contestant[0], await timed(contestant)]);
  const [first] = took;
  console.log(took.map(([name, ms]) => `${name} ${ms.toFixed(0)} ms (${(ms / first![1]).toFixed(2)} ×)`).join(', '));
}
process.exit(0);
