/**
 * What the product itself draws: held-out captions on WASM, read by the checker, whole and with a number of blocks taken
 * out in the default order. `node --import ./scripts/sources.mjs bench/quality.ts [--captions 100] [--remove 0,2,4,6,8]`
 */
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { startNodeWorker } from '../lib/compute/node-thread.ts';
import { DEFAULT_RIDGE } from '../lib/core/analysis/index.ts';
import {
  chooseByBudget,
  DEFAULT_DAMAGE_SCORE,
  DEFAULT_DETECTION,
  detectIntervals,
  rankByDamage,
} from '../lib/core/detection/index.ts';
import { runEdit } from '../lib/core/edit/index.ts';
import { formatLayerIndex } from '../lib/core/interval/index.ts';
import { seededRandom } from '../lib/core/random.ts';
import { captionOf, randomScene } from '../lib/core/shapes/index.ts';

const { values } = parseArgs({
  options: { captions: { type: 'string', default: '100' }, remove: { type: 'string', default: '0,2,4,6,8' } },
});
const client = startNodeWorker();
await client.call('startEngine', { wanted: 'wasm' });
const url = pathToFileURL('public/models/shapes-mmdit').href;
await client.call('openModel', { source: { kind: 'url', url, name: 'shapes-mmdit' } });
const calibration = { kind: 'shapes', samples: 64, timesteps: 8, seed: 7 } as const;
const report = await client.call('analyse', { calibration });
const probes = { calibration, ridge: DEFAULT_RIDGE, split: 'prompt-groups' } as const;
const ranked = rankByDamage(report, detectIntervals(report, DEFAULT_DETECTION), DEFAULT_DAMAGE_SCORE);
const random = seededRandom(11);
const prompts = Array.from({ length: Number(values.captions) }, () => captionOf(randomScene(random, true)));

console.log(`| blocks taken out | intervals | facts right, removed | facts right, probes |\n|---|---|---|---|`);
for (const remove of values.remove.split(',').map(Number)) {
  const intervals = chooseByBudget(ranked, remove);
  const shares: string[] = [];
  for (const by of ['nothing', 'probes'] as const) {
    const edits = intervals.map((interval) => ({ ...runEdit(interval, by), by }));
    let [right, all] = [0, 0];
    for (const [i, prompt] of prompts.entries()) {
      const drawing = await client.call('draw', { prompt, seed: i, steps: 20, guidance: 2, edits, probes });
      right += drawing.facts.filter(({ holds }) => holds).length;
      all += drawing.facts.length;
    }
    shares.push(`${((100 * right) / all).toFixed(1)} %`);
    if (remove === 0) break;
  }
  console.log(`| ${remove} | \`${formatLayerIndex(intervals)}\` | ${shares.join(' | ')} |`);
}
client.close();
