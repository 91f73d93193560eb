/**
 * Which damage score predicts best what pruning does to pictures? For every contiguous interval of two to five blocks of
 * the sample model: each candidate score, against the truth, which is how far the pruned model's pictures are from the
 * whole model's (same prompts, same seeds) and how many caption facts the checker still finds. Then: for several budgets,
 * what the order of each score leaves of the facts when detected intervals are taken in it.
 * `node --import ./scripts/sources.mjs bench/damage-scores.ts [--pictures N] [--out docs/damage-scores.md]`
 */
import { writeFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { startNodeWorker } from '../lib/compute/node-thread.ts';
import type { Drawing, ProbeSource } from '../lib/compute/protocol.ts';
import { DEFAULT_RIDGE } from '../lib/core/analysis/index.ts';
import {
  chooseByBudget,
  DAMAGE_SCORES,
  type DamageScore,
  DEFAULT_DETECTION,
  damageScore,
  detectIntervals,
  rankByDamage,
} from '../lib/core/detection/index.ts';
import { runEdit, runEdits } from '../lib/core/edit/index.ts';
import { type BlockInterval, formatLayerIndex, removedCount } from '../lib/core/interval/index.ts';
import { seededRandom } from '../lib/core/random.ts';
import { captionOf, randomScene } from '../lib/core/shapes/index.ts';

const { values } = parseArgs({ options: { pictures: { type: 'string', default: '6' }, out: { type: 'string' } } });
const PICTURES = Number(values.pictures);
const STEPS = 12;
const LONGEST = 5;
const BUDGETS = [2, 4, 6, 8];

const client = startNodeWorker();
await client.call('startEngine', { wanted: 'wasm' });
const url = pathToFileURL('public/models/shapes-mmdit').href;
const { numBlocks } = await client.call('openModel', { source: { kind: 'url', url, name: 'shapes-mmdit' } });
const probes: ProbeSource = {
  calibration: { kind: 'shapes', samples: 64, timesteps: 8, seed: 7 },
  ridge: DEFAULT_RIDGE,
  split: 'prompt-groups',
};
const report = await client.call('analyse', { calibration: probes.calibration });
type Untrained = 'nothing' | 'probes';

const random = seededRandom(2026);
const prompts = Array.from({ length: PICTURES }, () => captionOf(randomScene(random, true)));

async function drawAll(intervals: readonly BlockInterval[], by: Untrained): Promise<Drawing[]> {
  const edits = intervals.map((interval) => ({ ...runEdit(interval, by), by }));
  const drawings: Drawing[] = [];
  for (const [i, prompt] of prompts.entries()) {
    drawings.push(await client.call('draw', { prompt, seed: 100 + i, steps: STEPS, guidance: 2, edits, probes }));
  }
  return drawings;
}

const whole = await drawAll([], 'nothing');

/** Root mean square difference of the pictures, in units of 0 to 255, and the share of facts that hold. */
async function truthOf(intervals: readonly BlockInterval[], by: Untrained) {
  const drawings = await drawAll(intervals, by);
  let squares = 0;
  let values = 0;
  for (const [i, { rgba }] of drawings.entries()) {
    for (const [k, value] of rgba.entries()) {
      if (k % 4 === 3) continue;
      squares += (value - whole[i]!.rgba[k]!) ** 2;
      values++;
    }
  }
  const facts = drawings.flatMap((drawing) => drawing.facts);
  return { distance: Math.sqrt(squares / values), facts: facts.filter((f) => f.holds).length / facts.length };
}

function ranks(numbers: readonly number[]): number[] {
  const order = numbers.map((value, i) => [value, i] as const).sort((a, b) => a[0] - b[0]);
  const result = new Array<number>(numbers.length);
  for (const [rank, [, i]] of order.entries()) result[i] = rank;
  return result;
}

function spearman(a: readonly number[], b: readonly number[]): number {
  const [x, y] = [ranks(a), ranks(b)];
  const squares = x.reduce((sum, rank, i) => sum + (rank - y[i]!) ** 2, 0);
  return 1 - (6 * squares) / (a.length * (a.length ** 2 - 1));
}

const intervals: BlockInterval[] = [];
for (let length = 2; length <= LONGEST; length++) {
  for (let first = 0; first + length <= numBlocks; first++) intervals.push({ first, last: first + length - 1 });
}
const edits = (['nothing', 'probes'] as const).flatMap((by) => runEdits(intervals, by));
const measured = { ...report, damage: await client.call('damage', { edits, probes }) };
const scores = Object.fromEntries(
  DAMAGE_SCORES.map(({ name: score }) => [score, intervals.map((i) => damageScore(measured, i, score) ?? Number.NaN)]),
) as Record<DamageScore, number[]>;

const lines: string[] = [];
const say = (line: string) => {
  lines.push(line);
  console.log(line);
};
const wholeFacts = whole.flatMap((d) => d.facts);
say(
  `Model ${report.model.fingerprint?.slice(0, 19)}, ${report.calibration.label}; ${intervals.length} intervals of 2 to ${LONGEST} blocks,`,
);
say(
  `${PICTURES} held-out captions, ${STEPS} steps, guidance 2. The whole model: ${percent(wholeFacts.filter((f) => f.holds).length / wholeFacts.length)} of facts.`,
);
say('');
say('Spearman correlation of each score with what happened to the pictures, blocks removed / replaced by probes:');
say('');
say('| score | picture distance, removed | facts lost, removed | picture distance, probes | facts lost, probes |');
say('|---|---|---|---|---|');
const truths: Record<Untrained, { distance: number; facts: number }[]> = { nothing: [], probes: [] };
for (const by of ['nothing', 'probes'] as const) {
  for (const interval of intervals) truths[by].push(await truthOf([interval], by));
}
for (const { name: score } of DAMAGE_SCORES) {
  const cells = (['nothing', 'probes'] as const).flatMap((by) => [
    spearman(
      scores[score],
      truths[by].map((t) => t.distance),
    ),
    spearman(
      scores[score],
      truths[by].map((t) => 1 - t.facts),
    ),
  ]);
  say(`| ${score} | ${cells.map((c) => c.toFixed(3)).join(' | ')} |`);
}
say('');
const detected = detectIntervals(report, DEFAULT_DETECTION);
say(
  `Detected: \`${formatLayerIndex(detected)}\`. Facts that hold when they are taken in a score's order until N blocks are gone:`,
);
say('');
say(`| order | ${BUDGETS.map((n) => `N = ${n}, removed / probes`).join(' | ')} |`);
say(`|---|${BUDGETS.map(() => '---').join('|')}|`);
const perBlock = (score: DamageScore) =>
  rankByDamage(measured, detected, score)
    .map((r) => ({ ...r, score: r.score === null ? null : r.score / (r.interval.last - r.interval.first) }))
    .sort((a, b) => (a.score ?? Infinity) - (b.score ?? Infinity));
for (const { name: score } of DAMAGE_SCORES) {
  for (const [name, ranked] of [
    [score, rankByDamage(measured, detected, score)],
    [`${score} per block`, perBlock(score)],
  ] as const) {
    const cells: string[] = [];
    for (const budget of BUDGETS) {
      const chosen = chooseByBudget(ranked, budget);
      const [removed, probed] = [await truthOf(chosen, 'nothing'), await truthOf(chosen, 'probes')];
      const short = removedCount(chosen) < budget ? ` (only ${removedCount(chosen)})` : '';
      cells.push(`${percent(removed.facts)} / ${percent(probed.facts)}${short}`);
    }
    say(`| ${name} | ${cells.join(' | ')} |`);
  }
}
client.close();
if (values.out) await writeFile(values.out, `${lines.join('\n')}\n`);

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
