/**
 * Longest main-thread task (processor time) while an analysis runs and ends, while the page measures by itself afterwards, restores the
 * analysis after a reload, is pointed at, and chooses and plans. A bundled sample, or a model folder whose name is given:
 *
 *   node --import ./scripts/sources.mjs bench/kept-report.ts [--model FOLDER] [--name NAME] [--runs 5] [--rest 20] [--profile] [--no-build]
 *
 * `--rest` is how long the page measures by itself, in seconds. `--profile` prints what the longest task of each part held.
 */
import { parseArgs } from 'node:util';
import { chromium, type Locator, type Page } from '@playwright/test';
import { type Task, traceMainThread } from '../lib/testing/main-thread.ts';
import { ensureChromium } from '../scripts/chromium.mjs';
import { startPage } from './start-page.ts';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    name: { type: 'string', default: 'shapes-flux' },
    runs: { type: 'string', default: '5' },
    rest: { type: 'string', default: '20' },
    profile: { type: 'boolean', default: false },
    'no-build': { type: 'boolean', default: false },
  },
});
const DEFAULT_SAMPLE = 'shapes-mmdit';
const PATIENCE_MS = 600_000;
/** Of what the longest task held. */
const LINES = 40;

const server = await startPage(undefined, { build: !values['no-build'] });
const browser = await chromium.launch({ executablePath: ensureChromium(), args: ['--no-sandbox'] });
const longest = new Map<string, Task[]>();
try {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  page.setDefaultTimeout(PATIENCE_MS);
  await page.goto(`${server.url}/?inputs=${values.model ? 'synthetic-16-4-1' : 'shapes-16-4-1'}`);
  await opened(page);
  const analyse = page.getByRole('button', { name: 'Analyse', exact: true });
  const budget = page.getByRole('textbox', { name: 'At most' });
  const kind = page.getByRole('combobox', { name: 'Budget', exact: true });
  for (let run = 0; run < Number(values.runs); run++) {
    await measured(page, 'an analysis and its end', async () => {
      await analyse.click();
      await page.getByRole('button', { name: 'Stop', exact: true }).waitFor();
      await analyse.waitFor();
    });
    await measured(page, 'measured by itself', () => page.waitForTimeout(1000 * Number(values.rest)));
    await page.reload();
    await measured(page, 'restored', async () => {
      await opened(page);
      await page.getByText(/^Best plan: /).waitFor();
    });
    // What the page measures by itself comes in between; so it does for people.
    await measured(page, 'another budget', async () => {
      await budget.fill('70%');
      await page.waitForTimeout(3000);
      await budget.fill('60%');
    });
    await measured(page, 'another kind of budget', async () => {
      await kind.selectOption('size');
      await page.waitForTimeout(3000);
      await kind.selectOption('params');
    });
    await measured(page, 'pointer over strip and heatmap', async () => {
      await pointAcross(page, page.getByRole('listbox', { name: 'Blocks', exact: true }));
      await pointAcross(page, page.getByRole('application', { name: /^State CKA/ }).first());
    });
    const brackets = page.getByRole('button', { name: /^Detected interval / });
    await measured(page, 'intervals chosen and let go', async () => {
      for (const index of [0, 1, 0, 1]) {
        await brackets.nth(index).click();
        await page.waitForTimeout(500);
      }
    });
    await measured(page, 'another estimator', async () => {
      for (const name of ['Biased', 'Debiased']) {
        await page.getByRole('radio', { name, exact: true }).check();
        await page.waitForTimeout(2000);
      }
    });
  }
} finally {
  await browser.close();
  server.close();
}
console.log('| longest main-thread task, processor time | ms, run by run |\n| --- | --- |');
for (const [part, tasks] of longest) console.log(`| ${part} | ${tasks.map(({ ms }) => ms.toFixed(0)).join(', ')} |`);
for (const [part, tasks] of values.profile ? longest : []) {
  const [task] = tasks.toSorted((a, b) => b.ms - a.ms);
  console.log(`\n${part}, ${task!.ms.toFixed(1)} ms of processor time; wall time by what was running:`);
  for (const [name, ms] of task!.held.slice(0, LINES)) console.log(`${ms.toFixed(1).padStart(8)}  ${name}`);
}

/** A sample opens by itself; what is picked before it is there would be lost to it. */
async function opened(page: Page): Promise<void> {
  const region = page.getByRole('region', { name: 'Model', exact: true });
  const title = (name: string) => region.getByTitle(name, { exact: true }).first();
  await title(values.model ? DEFAULT_SAMPLE : values.name)
    .or(title(DEFAULT_SAMPLE))
    .waitFor();
  if (values.model) await page.getByTestId('folder-input').setInputFiles(values.model);
  else if (!(await title(values.name).isVisible())) {
    await page.getByLabel('Sample', { exact: true }).selectOption(values.name);
  }
  await title(values.name).waitFor();
}

/** From corner to corner. */
async function pointAcross(page: Page, chart: Locator): Promise<void> {
  await chart.scrollIntoViewIfNeeded();
  const { x, y, width, height } = (await chart.boundingBox())!;
  const steps = 60;
  for (let step = 0.5; step < steps; step++) {
    await page.mouse.move(x + (width * step) / steps, y + (height * step) / steps);
    await page.waitForTimeout(20);
  }
  await page.mouse.move(0, 0);
}

async function measured(page: Page, part: string, work: () => Promise<void>): Promise<void> {
  const trace = await traceMainThread(page, { profiled: values.profile });
  await work();
  // What follows the last change on the page.
  await page.waitForTimeout(3000);
  longest.set(part, [...(longest.get(part) ?? []), await trace.longestTask()]);
}
