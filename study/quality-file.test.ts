/** From a small ledger's truths to the file that the page reads. */
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { qualitySentences } from '../lib/core/detection/score-quality.ts';
import { MEASURED_QUALITY } from '../lib/core/detection/score-quality-measured.ts';
import { formatIntervalKey, removedCount } from '../lib/core/interval/index.ts';
import { everyInterval, randomPlans } from './intervals.ts';
import { Ledger } from './ledger.ts';
import { scoreQualityOf, sourceOf, writeScoreQuality } from './quality-file.ts';
import type { ScoreValues } from './score-values.ts';
import type { IntervalTruth, PlanTruth } from './truths.ts';

const STACKS = [{ first: 0, last: 7 }];
const INTERVALS = everyInterval(STACKS);
const PLANS = randomPlans(STACKS, [2, 4], 5, 1);

/** A study that was cut off: every interval, two plans fewer than asked for. */
async function ledger(): Promise<Ledger> {
  const path = join(await mkdtemp(join(tmpdir(), 'quality-')), 'results.jsonl');
  const pictures = (held: number) => ({ held: [held, 20], total: [20, 20], distance: [20 - held, 0], steps: 1 });
  const error = { image: { direction: 0.1, magnitude: 0, relative: 0.1 } };
  const lines = [
    ...INTERVALS.map((interval) => ({
      key: `interval ${formatIntervalKey(interval)}`,
      value: {
        interval,
        trained: {
          baselines: { firstBlock: error, probes: error, removal: error },
          startBlock: interval.first,
          heldOut: [{ step: 7, student: error }],
          seconds: 1,
        },
        outputError: interval.last - interval.first,
        pictures: pictures(20 - 2 * (interval.last - interval.first) - (interval.first % 2)),
      } satisfies IntervalTruth,
    })),
    ...PLANS.slice(2).map((plan, i) => ({
      key: `plan ${i}`,
      value: { plan, outputError: i, pictures: pictures(10 - i) } satisfies PlanTruth,
    })),
  ];
  await writeFile(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return await Ledger.open(path, { onlyReads: true });
}

async function truths() {
  const known = await ledger();
  const read = <T>(key: string) => known.once<T>(key, () => Promise.reject(new Error('measured')));
  return {
    intervals: await Promise.all(INTERVALS.map((one) => read<IntervalTruth>(`interval ${formatIntervalKey(one)}`))),
    plans: await Promise.all(PLANS.slice(2).map((_, i) => read<PlanTruth>(`plan ${i}`))),
  };
}

const score = (name: string, of: (first: number, last: number) => number): ScoreValues => ({
  name,
  about: name,
  values: new Map(INTERVALS.map((one) => [formatIntervalKey(one), of(one.first, one.last)])),
});
const SCORES = [
  score('cka', (first, last) => 2 * (last - first) + (first % 2)),
  score('removed', (first) => first),
  score('30 steps, output', (first) => first),
];

test('the file holds every score of the page that was measured, and is what the formatter leaves', async () => {
  const quality = scoreQualityOf(SCORES, await truths())!;
  expect(Object.keys(quality.scores)).toEqual(['removed', 'cka']);
  expect(quality).toMatchObject({ steps: 7, captions: 2 });
  expect(quality.scores.cka?.intervals).toEqual({ rho: 1, low: 1, high: 1, n: INTERVALS.length });
  // Of the plans that remove two blocks, too few are left to rank.
  expect(quality.scores.cka?.plans?.n).toBe(PLANS.slice(2).filter((plan) => removedCount(plan) === 4).length);
  expect(
    sourceOf({ small: { ...quality, scores: { cka: { ...quality.scores.cka!, plans: null } } }, none: null }),
  ).toBe(
    `/** Written by \`npm run study -- --parts quality\`; score-quality.ts says what it means. */
import type { MeasuredQuality } from './measured-quality.ts';

export const MEASURED_QUALITY: MeasuredQuality = {
  'small': {
    steps: 7,
    captions: 2,
    scores: {
      cka: {
        intervals: { rho: 1, low: 1, high: 1, n: 22 },
        plans: null,
      },
    },
  },
};
`,
  );
});

test('a model that is measured again replaces itself and leaves the others; one without measurements says nothing', async () => {
  const path = join(await mkdtemp(join(tmpdir(), 'quality-')), 'measured.ts');
  const quality = scoreQualityOf(SCORES, await truths());
  const other = { steps: 1, captions: 1, scores: {} };
  await writeFile(
    path,
    sourceOf({ other, own: other })
      .replace(/import.*\n/, '')
      .replace(': MeasuredQuality', ''),
  );
  await writeScoreQuality(path, 'own', quality);
  expect(await readFile(path, 'utf8')).toBe(sourceOf({ other, own: quality }));
  expect(scoreQualityOf(SCORES, { intervals: [], plans: [] })).toBeNull();
});

test('two models that are measured by one process are both in the file', async () => {
  const path = join(await mkdtemp(join(tmpdir(), 'quality-')), 'measured.mjs');
  const quality = { steps: 1, captions: 1, scores: {} };
  await writeFile(path, 'export const MEASURED_QUALITY = {};');
  await writeScoreQuality(path, 'first', quality);
  await writeFile(path, (await readFile(path, 'utf8')).replace(/import.*\n/, '').replace(': MeasuredQuality', ''));
  await writeScoreQuality(path, 'second', quality);
  expect(await readFile(path, 'utf8')).toBe(sourceOf({ first: quality, second: quality }));
});

test('a sentence says on what, over how many, and how sure; there is none where nothing is measured', async () => {
  const intervals = { rho: 0.9, low: 0.8, high: 0.95, n: 54 };
  const plans = { rho: -0.1, low: -0.4, high: 0.2, n: 72 };
  const of = {
    tiny: { steps: 200, captions: 12, scores: { cka: { intervals, plans }, probe: { intervals, plans: null } } },
  };
  expect(qualitySentences('cka', of)).toEqual([
    'On tiny, over 54 intervals: ρ 0.90 [0.80, 0.95] with the facts of 12 captions lost after 200 steps of distillation; ρ −0.10 [−0.40, 0.20] over 72 plans compared at equal depth.',
  ]);
  expect(qualitySentences('probe', of)[0]).toMatch(/ of distillation\.$/);
  expect(qualitySentences('removed', of)).toEqual([]);
  expect(qualitySentences('removed', {})).toEqual([]);
});

test('the committed file is one that the study writes', async () => {
  const path = new URL('../lib/core/detection/score-quality-measured.ts', import.meta.url);
  expect(await readFile(path, 'utf8')).toBe(sourceOf(MEASURED_QUALITY));
});
