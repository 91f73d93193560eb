/**
 * Longest main-thread task (processor time) while an analysis runs and ends, while the page measures by itself afterwards, restores the
 * analysis after a reload, is pointed at, and chooses and plans. A bundled sample, or a model folder whose name is given:
 *
 *   node --import ./scripts/sources.mjs bench/kept-report.ts [--model FOLDER] [--name NAME] [--runs 5] [--rest 20] [--profile] [--no-build]
 *
 * It also prints the wall time of each task of the background worker, such as `background plan`: a front and the best plan of a budget.
 * `--rest` is how long the page measures by itself, in seconds. `--profile` prints what the longest task of each part held.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from '@playwright/test';
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
/** Wall time of each task of the background worker, such as a front and the best plan of a budget, since the last reload of each run. */
const inBackground = new Map<string, number[]>();
const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
const devtools = await page.context().newCDPSession(page);
const byText = (selector: string, text: string) =>
  `[...document.querySelectorAll('${selector}')].find((one) => one.textContent.trim() === '${text}')`;
const ANALYSE = byText('button', 'Analyse');
const BUDGET = `document.querySelector('input[title^="An amount"]')`;
try {
  await page.goto(`${server.url}/?inputs=${values.model ? 'synthetic-16-4-1' : 'shapes-16-4-1'}`);
  await opened();
  for (let run = 0; run < Number(values.runs); run++) {
    await measured('an analysis and its end', async () => {
      await click(ANALYSE);
      await until(`!${ANALYSE}`);
      await until(ANALYSE);
    });
    await measured('measured by itself', () => page.waitForTimeout(1000 * Number(values.rest)));
    await page.reload();
    await measured('restored', async () => {
      await opened();
      await until(
        `[...document.querySelectorAll('[aria-busy]')].some((one) => one.textContent.startsWith('Best plan'))`,
      );
    });
    // What the page measures by itself comes in between; so it does for people.
    await measured('another budget', async () => {
      for (const value of ['70%', '60%']) {
        await click(BUDGET);
        await page.keyboard.press('Control+A');
        await page.keyboard.type(value, { delay: 100 });
        await page.waitForTimeout(3000);
      }
    });
    await measured('another kind of budget', async () => {
      for (const kind of ['size', 'params']) {
        await evaluated(`{
          const select = [...document.querySelectorAll('select')].find(({ options }) => [...options].some(({ value }) => value === 'memory'));
          select.value = '${kind}';
          select.dispatchEvent(new Event('change', { bubbles: true }));
        }`);
        await page.waitForTimeout(3000);
      }
    });
    await measured('pointer over strip and heatmap', async () => {
      await pointAcross(`document.querySelector('[role=listbox][aria-label=Blocks]')`);
      await pointAcross(`document.querySelector('[role=application][aria-label^="State CKA"]')`);
    });
    await measured('intervals chosen and let go', async () => {
      for (const first of [2, 8]) await drawInterval(first, first + 2);
      await click(byText('button', 'Clear'));
    });
    await measured('another estimator', async () => {
      for (const name of ['Biased', 'Debiased']) {
        await click(byText('label', name));
        await page.waitForTimeout(2000);
      }
    });
    await readBackground();
  }
} finally {
  await browser.close();
  server.close();
}
console.log('| time in the background worker | n | median, ms | longest, ms |\n| --- | --- | --- | --- |');
for (const [task, times] of inBackground) {
  const sorted = times.toSorted((a, b) => a - b);
  const [middle, last] = [sorted[Math.floor(sorted.length / 2)]!, sorted.at(-1)!];
  console.log(`| ${task} | ${sorted.length} | ${middle.toFixed(0)} | ${last.toFixed(0)} |`);
}
console.log('\n| longest main-thread task, processor time | ms, run by run |\n| --- | --- |');
for (const [part, tasks] of longest) console.log(`| ${part} | ${tasks.map(({ ms }) => ms.toFixed(0)).join(', ')} |`);

/** What the worker itself measured (lib/page/explorer/background/serve.ts): no round trip of messages is in it. */
async function readBackground(): Promise<void> {
  for (const worker of page.workers()) {
    const entries = await worker.evaluate(() =>
      performance.getEntriesByType('measure').map(({ name, duration }) => ({ name, duration })),
    );
    for (const { name, duration } of entries.filter((entry) => entry.name.startsWith('background '))) {
      inBackground.set(name, [...(inBackground.get(name) ?? []), duration]);
    }
  }
}

/**
 * Playwright's own queries by role and text walk through the page in tasks of 20 to 100 ms, which would be measured for the page's: all
 * is done by short expressions and by the mouse instead.
 */
async function evaluated(expression: string): Promise<unknown> {
  const { result, exceptionDetails } = await devtools.send('Runtime.evaluate', { expression, returnByValue: true });
  if (exceptionDetails) throw new Error(`${expression}: ${exceptionDetails.exception?.description}`);
  return result.value;
}

async function until(expression: string): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; !(await evaluated(`Boolean(${expression})`)); ) {
    if (Date.now() > end) throw new Error(`In vain: ${expression}`);
    await page.waitForTimeout(250);
  }
}

/** A sample opens by itself; what is picked before it is there would be lost to it. */
async function opened(): Promise<void> {
  const titled = (name: string) => `document.querySelector('[title="${name}"]')`;
  if (values.model) {
    await until(`${titled(DEFAULT_SAMPLE)} && !${ANALYSE}?.disabled`);
    const { root } = await devtools.send('DOM.getDocument', { depth: 0 });
    const selector = '[data-testid=folder-input]';
    const { nodeId } = await devtools.send('DOM.querySelector', { nodeId: root.nodeId, selector });
    await devtools.send('DOM.setFileInputFiles', { nodeId, files: [resolve(values.model)] });
  } else if (values.name !== DEFAULT_SAMPLE && !page.url().includes('model=')) {
    await until(titled(DEFAULT_SAMPLE));
    await page.getByLabel('Sample', { exact: true }).selectOption(values.name);
  }
  await until(`${titled(values.name)} && ${ANALYSE} && !${ANALYSE}.disabled`);
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

async function boxOf(element: string): Promise<Box> {
  const box = await evaluated(`(() => {
    const element = ${element};
    element.scrollIntoView({ block: 'center' });
    return JSON.stringify(element.getBoundingClientRect());
  })()`);
  return JSON.parse(String(box));
}

async function middleOf(element: string): Promise<readonly [number, number]> {
  const { x, y, width, height } = await boxOf(element);
  return [x + width / 2, y + height / 2];
}

async function click(element: string): Promise<void> {
  await page.mouse.click(...(await middleOf(element)));
}

/** From corner to corner. */
async function pointAcross(chart: string): Promise<void> {
  const { x, y, width, height } = await boxOf(chart);
  const steps = 60;
  for (let step = 0.5; step < steps; step++) {
    await page.mouse.move(x + (width * step) / steps, y + (height * step) / steps);
    await page.waitForTimeout(20);
  }
  await page.mouse.move(0, 0);
}

/** By a drag over the strip. */
async function drawInterval(first: number, last: number): Promise<void> {
  const cell = (block: number) => middleOf(`document.querySelector('[role=option][aria-label="Block ${block}"]')`);
  await page.mouse.move(...(await cell(first)));
  await page.mouse.down();
  await page.mouse.move(...(await cell(last)));
  await page.mouse.up();
  await page.waitForTimeout(1000);
}

async function measured(part: string, work: () => Promise<void>): Promise<void> {
  const trace = await traceMainThread(page, { profiled: values.profile });
  await work();
  // What follows the last change on the page.
  await page.waitForTimeout(3000);
  const tasks = await trace.longestTasks();
  const [task] = tasks;
  longest.set(part, [...(longest.get(part) ?? []), task!]);
  console.error(`${part}: ${tasks.map(({ ms }) => ms.toFixed(1)).join(', ')} ms`);
  if (!values.profile) return;
  for (const { ms, held } of tasks) {
    console.log(`\n${part}, ${ms.toFixed(1)} ms of processor time; wall time by what was running:`);
    for (const [name, wallMs] of held.slice(0, LINES)) console.log(`${wallMs.toFixed(1).padStart(8)}  ${name}`);
  }
}
