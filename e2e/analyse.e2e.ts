/** Analyse, from the first click to a page full of charts: progress, a page that stays alive, Stop, and no leaks. */
import type { Page } from '@playwright/test';
import type { BlockInterval } from '../lib/core/interval/index.ts';
import type { AnalysisReport } from '../lib/core/report/report.ts';
import { percentWords } from '../lib/page/browser/number-words.ts';
import { keptText } from '../lib/testing/kept-analysis.ts';
import {
  ANALYSIS_MS,
  alerts,
  analyse,
  analysisEnds,
  blockOption,
  brackets,
  detectedIntervals,
  expect,
  expectChosen,
  heatmap,
  open,
  panel,
  QUICK,
  test,
} from './contigua.ts';

test('Analyse shows its progress and leaves the page alive; Stop ends it and keeps what was there', async ({
  page,
}) => {
  // Long enough that it cannot be over before Stop is pressed.
  await open(page, '/?inputs=shapes-512-8-1&cut=9-10');
  await page.getByRole('button', { name: 'Analyse', exact: true }).click();
  const whole = page.getByRole('progressbar', { name: 'Analysis' });
  await expect(whole).toHaveAttribute('aria-valuetext', /^\d+ % · (estimating|about .+ left)$/);
  await expect(page.getByRole('progressbar', { name: 'Capture states' })).toBeVisible();

  // Meanwhile: typing, pointing and choosing work.
  await page.getByRole('textbox', { name: 'Prompt' }).fill('small cyan ring top-right, black');
  await blockOption(page, 5).hover();
  await expect(panel(page, 'Blocks').getByText('Block 5', { exact: true })).toBeVisible();
  await blockOption(page, 3).focus();
  await page.keyboard.press('Shift+ArrowRight');
  await page.keyboard.press('Enter');
  await expectChosen(page, [
    [3, 4],
    [9, 10],
  ]);

  // The first results show before the last ones are there, with an estimate of the time left.
  await expect(panel(page, 'Blocks')).toContainText(/hidden states of \d+ blocks captured/, { timeout: ANALYSIS_MS });
  await expect(whole).toHaveAttribute('aria-valuetext', /about .+ left$/, { timeout: ANALYSIS_MS });
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await analysisEnds(page);
  await expect(page.getByRole('status').filter({ hasText: 'Analysis stopped' })).toBeVisible();
  await expect(alerts(page)).toHaveCount(0);
  await expect(brackets(page)).toHaveCount(0);
  await expectChosen(page, [
    [3, 4],
    [9, 10],
  ]);
  await expect(page.getByRole('textbox', { name: 'Prompt' })).toHaveValue('small cyan ring top-right, black');

  await page.getByRole('textbox', { name: 'Samples' }).fill('48');
  await analyse(page);
  await expect(brackets(page).first()).toBeVisible();
  await expectChosen(page, [
    [3, 4],
    [9, 10],
  ]);
});

test('a finished analysis fills every chart, and moves none', async ({ page }) => {
  await open(page, `/?${QUICK}`);
  const charts = ['Blocks', 'Noise levels', 'Similarity of hidden states', 'Where runs break'];
  const tops = () => Promise.all(charts.map(async (title) => (await panel(page, title).boundingBox())?.y));
  const empty = await tops();
  await analyse(page);
  await page.evaluate(() => window.scrollTo(0, 0));
  expect(await tops()).toEqual(empty);
  await expect(panel(page, 'Calibration').getByText(/^Took .+ on WASM$/)).toBeVisible();
  for (const stage of ['Capture states', 'Fit linear probes', 'Compare states (CKA)', 'Follow surrogates']) {
    await expect(panel(page, 'Calibration').getByRole('listitem').filter({ hasText: stage })).toContainText(/\d m?s$/);
  }

  const intervals = await detectedIntervals(page);
  expect(intervals.length).toBeGreaterThan(0);
  for (const { first, last } of intervals) expect(last).toBeGreaterThan(first);
  await expect(panel(page, 'Similarity of hidden states')).toContainText(
    /State CKA between blocks: linear, debiased, n = 768 image and \d+ text tokens, held out/,
  );
  await expect(panel(page, 'Blocks')).toContainText(/Probe R² on 768 image and \d+ text tokens held out/);
  await blockOption(page, 0).hover();
  await expect(panel(page, 'Blocks')).toContainText(
    /Block 0 · Probe R², held out: image −?\d\.\d+.*, text −?\d\.\d+.*It starts the interval \[0, \d+\]/,
  );
  // The last block's text update goes nowhere: nothing to say is not zero.
  await blockOption(page, 15).hover();
  await expect(panel(page, 'Blocks')).toContainText(/Block 15 · Probe R², held out: image −?\d\.\d+.*, text n\/a/);
  await expect(panel(page, 'Where runs break')).toContainText(/From block 0.*Δ\(0, \d+\) = −?\d.*are one run/);
  expect(await paintedColours(page, 'image')).toBeGreaterThan(8);
  expect(await paintedColours(page, 'text')).toBeGreaterThan(8);

  // Another logical core helps with the probes' float64 products.
  const cores = await page.evaluate(() => navigator.hardwareConcurrency);
  const names = await Promise.all(page.workers().map((worker) => worker.evaluate(() => self.name)));
  expect(names.filter((name) => name === 'contigua-float64')).toHaveLength(Math.min(8, cores) - 1);
});

test('intervals show their damage as they are measured, with what the report says of them', async ({ page }) => {
  // Six times the samples of the default, so that any machine takes longer to measure one than the page to draw the last.
  await open(page, '/?inputs=shapes-96-4-1&limits=s48');
  const shown = await watchRunningDamage(page);
  await analyse(page);
  let text: string | null = null;
  await expect.poll(async () => (text = await keptText(page)), { timeout: 30_000 }).not.toBeNull();
  const measured = measuredRuns(JSON.parse(text ?? ''));
  const rows = await shown();
  expect(rows.length).toBeGreaterThan(0);
  for (const row of rows) expect(measured).toContainEqual(row);
});

test('analysing again and again leaves no more tensors in the worker than analysing once', async ({ page }) => {
  test.slow();
  await open(page, '/?inputs=shapes-8-2-1');
  await analyse(page);
  const once = await tensorsAtRest(page);
  expect(once).toBeGreaterThan(0);
  for (let again = 0; again < 2; again++) await analyse(page);
  expect(await tensorsAtRest(page)).toBe(once);
});

test('a finished analysis is offered again after a reload, as what it is', async ({ page }) => {
  await open(page, '/?inputs=shapes-8-2-1');
  await analyse(page);
  const before = await detectedIntervals(page);
  await page.reload();
  await expect(page.getByRole('status').filter({ hasText: 'Restored analysis of shapes-mmdit' })).toBeVisible();
  await expect.poll(() => detectedIntervals(page)).toEqual(before);
  await expect(panel(page, 'Calibration')).toContainText('Analyse measures again');
});

test('calibrated with noise, the page says so once over its charts', async ({ page }) => {
  await open(page, '/?inputs=synthetic-8-2-7');
  await expect(panel(page, 'Calibration')).toContainText('SYNTHETIC inputs: seeded noise');
  await analyse(page);
  await expect(panel(page, 'Blocks')).toContainText('SYNTHETIC inputs, seed 7: 8 × 8 tokens. Probe R²');
  await expect(panel(page, 'Calibration')).toContainText('SYNTHETIC inputs, seed 7: 8 × 8 tokens');
  for (const title of ['Noise levels', 'Similarity of hidden states', 'Where runs break']) {
    await expect(panel(page, title)).not.toContainText('SYNTHETIC');
  }
});

/** How many different colours a heatmap's canvas shows. */
async function paintedColours(page: Page, stream: 'image' | 'text'): Promise<number> {
  return await heatmap(page, stream)
    .locator('xpath=preceding-sibling::canvas')
    .evaluate((node) => {
      if (!(node instanceof HTMLCanvasElement)) return 0;
      const data = node.getContext('2d')?.getImageData(0, 0, node.width, node.height).data ?? [];
      const colours = new Set<number>();
      for (let i = 0; i < data.length; i += 4) {
        colours.add(((data[i] ?? 0) << 16) | ((data[i + 1] ?? 0) << 8) | (data[i + 2] ?? 0));
      }
      return colours.size;
    });
}

/** TensorFlow.js keeps its engine on the global object of the worker that computes. */
async function tensorsInWorker(page: Page): Promise<number> {
  // The page's own measurements come after every analysis; their tensors are gone when they end.
  await expect(panel(page, 'Intervals').getByText('…', { exact: true })).toHaveCount(0);
  for (const worker of page.workers()) {
    const count = await worker.evaluate(() => {
      const engine: unknown = Reflect.get(globalThis, '_tfengine');
      if (typeof engine !== 'object' || engine === null || !('memory' in engine)) return null;
      const { memory } = engine;
      return typeof memory === 'function' ? Number(memory.call(engine).numTensors) : null;
    });
    if (count !== null) return count;
  }
  throw new Error('No worker computes');
}

/** Once the page has measured what it measures by itself: the default score ranks when nothing is left. */
async function tensorsAtRest(page: Page): Promise<number> {
  await expect(page.getByRole('button', { name: /^Minimise error, linear/ })).toBeVisible({ timeout: 90_000 });
  return await tensorsInWorker(page);
}

/** Each row of the table that grows while intervals are measured, as it was shown last. */
async function watchRunningDamage(page: Page): Promise<() => Promise<readonly string[][]>> {
  const rows = await page.evaluateHandle(() => {
    const seen = new Map<string, string[]>();
    const look = () => {
      const tables = [...document.querySelectorAll('table')];
      const table = tables.find(({ caption }) => caption?.textContent === 'Output error, measured so far');
      for (const { cells } of table?.tBodies[0]?.rows ?? []) {
        const texts = [...cells].map(({ textContent }) => textContent);
        seen.set(texts[0]!, texts);
      }
    };
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
    return seen;
  });
  return async () => await rows.evaluate((seen) => [...seen.values()]);
}

/** Of a report's intervals, taken out and with probes in their place. The table may have been shown between the two. */
function measuredRuns({ damage }: Pick<AnalysisReport, 'damage'>): readonly string[][] {
  const of = ({ first, last }: BlockInterval, by: string) => {
    const found = damage.find(({ edit }) => edit.by === by && edit.first === first && edit.last === last);
    return found ? percentWords(found.outputError) : '';
  };
  return damage.flatMap(({ edit }) => {
    const [interval, nothing, probes] = [`[${edit.first}, ${edit.last}]`, of(edit, 'nothing'), of(edit, 'probes')];
    return [
      [interval, nothing, probes],
      [interval, nothing, ''],
      [interval, '', probes],
    ];
  });
}
