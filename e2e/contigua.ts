/**
 * What every journey shares: a page that is watched (no console error, no refused resource, no request to another
 * host), opened on the sample model; and, for journeys that begin with an analysis, one analysis measured once per run
 * and handed on the way a browser keeps it. Also the few gestures that a role and a name alone cannot say.
 */
import { readFile } from 'node:fs/promises';
import { type BrowserContext, test as base, type Download, expect, type Locator, type Page } from '@playwright/test';

export { expect };

/** Small enough for a slow machine, large enough for every chart: 16 pictures × 64 tokens. */
export const QUICK = 'inputs=shapes-48-4-1';
/** An analysis may wait for other work on two cores. */
export const ANALYSIS_MS = 180_000;

const TROUBLE = 'console errors, refused resources and requests to other hosts';

type KeptState = Awaited<ReturnType<BrowserContext['storageState']>>;

interface JourneyOptions {
  /** What this journey is bound to put on the console, because it breaks something on purpose. */
  tolerated: readonly RegExp[];
}

export const test = base.extend<JourneyOptions>({
  tolerated: [[], { option: true }],
  context: async ({ context, tolerated, baseURL }, use) => {
    const trouble = watch(context, new URL(baseURL ?? 'http://127.0.0.1').origin, tolerated);
    await use(context);
    expect(trouble, TROUBLE).toEqual([]);
  },
});

interface AnalysedWorker {
  kept: KeptState;
  /** One page for many journeys, with the trouble that it had since somebody asked. */
  lasting: { readonly page: Page; readonly trouble: string[]; readonly startOver: () => Promise<void> };
}

/** Journeys that begin on a finished analysis of the sample, restored as after a reload. */
export const testAnalysed = test.extend<object, AnalysedWorker>({
  kept: [
    async ({ browser }, use, { project }) => {
      const context = await browser.newContext({ ...project.use, ...project.use.contextOptions });
      const page = await context.newPage();
      await open(page, `/?${QUICK}`);
      await analyse(page);
      const kept = await context.storageState({ indexedDB: true });
      // Left open, it would measure intervals.
      await context.close();
      await use(kept);
    },
    { scope: 'worker', timeout: 2 * ANALYSIS_MS },
  ],
  lasting: [
    async ({ browser, kept }, use, { project }) => {
      const { baseURL = 'http://127.0.0.1', viewport, contextOptions } = project.use;
      const context = await browser.newContext({ ...project.use, ...contextOptions, storageState: kept });
      const trouble = watch(context, new URL(baseURL).origin, []);
      const page = await context.newPage();
      await openAnalysed(page);
      const address = page.url();
      const startOver = async () => {
        if (viewport) await page.setViewportSize(viewport);
        await page.emulateMedia({ colorScheme: 'light' });
        await page.mouse.move(0, 0);
        await page.keyboard.press('Escape');
        const clear = page.getByRole('button', { name: 'Clear', exact: true });
        if ((await chosenIntervals(page)).length > 0) await clear.click();
        await expectChosen(page, []);
        // Whatever else a journey has set would be there.
        await expect(page).toHaveURL(address);
        await page.evaluate(() => {
          if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
          window.scrollTo(0, 0);
        });
      };
      await use({ page, trouble, startOver });
      await context.close();
    },
    { scope: 'worker', timeout: 2 * ANALYSIS_MS },
  ],
  storageState: async ({ kept }, use) => use(kept),
  page: async ({ page }, use) => {
    await openAnalysed(page);
    await use(page);
  },
});

/**
 * Journeys on one page of the analysis, one after the other, each beginning with nothing chosen: for those that leave nothing
 * behind but a choice. After a failure Playwright starts another process, and so another page.
 */
export const testOnOnePage = testAnalysed.extend({
  context: async ({ lasting }, use) => {
    await use(lasting.page.context());
  },
  // The context is made for whoever asks for it, and a journey may ask for the page alone.
  page: async ({ lasting }, use) => {
    await lasting.startOver();
    await use(lasting.page);
    expect(lasting.trouble.splice(0), TROUBLE).toEqual([]);
  },
});

async function openAnalysed(page: Page): Promise<void> {
  await open(page);
  await expect(brackets(page).first()).toBeVisible();
}

function watch(context: BrowserContext, origin: string, tolerated: readonly RegExp[]): string[] {
  const trouble: string[] = [];
  const note = (words: string) => {
    if (!tolerated.some((pattern) => pattern.test(words))) trouble.push(words);
  };
  // A violation of the content security policy is a console error as well.
  context.on('console', (message) => {
    if (message.type() === 'error') note(`console: ${message.text()}`);
  });
  context.on('weberror', (error) => note(`uncaught: ${error.error().message}`));
  context.on('request', (request) => {
    const url = new URL(request.url());
    if (['http:', 'https:', 'ws:', 'wss:'].includes(url.protocol) && url.origin !== origin) note(`request: ${url}`);
  });
  return trouble;
}

export const SCHEMES = ['light', 'dark'] as const;

/** Resolves when every colour is the scheme's own. */
export async function showIn(page: Page, colorScheme: (typeof SCHEMES)[number]): Promise<void> {
  await page.emulateMedia({ colorScheme });
  const changing = () => document.getAnimations().filter((animation) => animation instanceof CSSTransition).length;
  await expect.poll(() => page.evaluate(changing)).toBe(0);
}

/** Resolves when the engine runs and the sample model is open. */
export async function open(page: Page, path = '/'): Promise<void> {
  await page.goto(path);
  await expect(page.getByRole('button', { name: 'Analyse', exact: true })).toBeEnabled({ timeout: ANALYSIS_MS });
}

export async function analyse(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Analyse', exact: true }).click();
  await analysisEnds(page);
}

export async function analysisEnds(page: Page, timeout = ANALYSIS_MS): Promise<void> {
  await expect(page.getByRole('button', { name: 'Analyse', exact: true })).toBeEnabled({ timeout });
}

export const brackets = (page: Page): Locator => page.getByRole('button', { name: /^Detected interval / });
export const blockOption = (page: Page, block: number): Locator =>
  page.getByRole('option', { name: `Block ${block}`, exact: true });
export const textOption = (page: Page, block: number): Locator =>
  page.getByRole('option', { name: `Text of block ${block}`, exact: true });
export const ffnOption = (page: Page, block: number, stream: 'image' | 'text'): Locator =>
  page.getByRole('option', { name: `${stream} FFN of block ${block}`, exact: true });
export const heatmap = (page: Page, stream: 'image' | 'text'): Locator =>
  page.getByRole('application', { name: new RegExp(`^State CKA between blocks, ${stream} stream`) });
export const panel = (page: Page, title: string): Locator => page.getByRole('region', { name: title, exact: true });
/** Errors that the page shows; the framework keeps an empty alert of its own for screen readers. */
export const alerts = (page: Page): Locator => panel(page, 'Notices').getByRole('alert');
/** A line of the plan: "Blocks", "Parameters", … */
export const planLine = (page: Page, name: string): Locator =>
  panel(page, 'Plan')
    .getByRole('row')
    .filter({ has: page.getByRole('rowheader', { name, exact: true }) });
/** The value of a model fact: "Family", "Blocks", … */
export const fact = (page: Page, name: string): Locator =>
  panel(page, 'Model')
    .locator('dt', { hasText: new RegExp(`^${name}$`) })
    .locator('xpath=following-sibling::dd');

export interface Interval {
  readonly first: number;
  readonly last: number;
}

/** "Detected interval 4 to 6" and its like. */
export function intervalIn(name: string | null): Interval {
  const [, first, last] = /(\d+) to (\d+)\b/.exec(name ?? '') ?? [];
  if (first === undefined || last === undefined) throw new Error(`No interval in "${name}"`);
  return { first: Number(first), last: Number(last) };
}

export async function detectedIntervals(page: Page): Promise<Interval[]> {
  const names = await brackets(page).evaluateAll((nodes) => nodes.map((node) => node.getAttribute('aria-label')));
  return names.map(intervalIn);
}

/** The chosen intervals, read from the strip's edge handles; the options in them are selected, and no others. */
export async function chosenIntervals(page: Page): Promise<Interval[]> {
  const handles = page.getByRole('slider', { name: /^First block of interval / });
  const names = await handles.evaluateAll((nodes) => nodes.map((node) => node.getAttribute('aria-label')));
  return names.map(intervalIn).sort((a, b) => a.first - b.first);
}

/** Waits until exactly these are chosen, on the strip's handles and its options alike. */
export async function expectChosen(page: Page, intervals: readonly (readonly [first: number, last: number])[]) {
  await expect.poll(() => chosenIntervals(page)).toEqual(intervals.map(([first, last]) => ({ first, last })));
  const blocks = intervals.flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, i) => `Block ${first + i}`),
  );
  const selected = page.getByRole('listbox', { name: 'Blocks', exact: true }).getByRole('option', { selected: true });
  await expect
    .poll(() => selected.evaluateAll((nodes) => nodes.map((node) => node.getAttribute('aria-label'))))
    .toEqual(blocks);
}

/** Presses on one spot of the page and releases on another. */
async function drag(page: Page, from: Spot, to: Spot): Promise<void> {
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  await page.mouse.move(to.x, to.y, { steps: 6 });
  await page.mouse.up();
}

interface Spot {
  readonly x: number;
  readonly y: number;
}

async function boxOf(locator: Locator) {
  await locator.scrollIntoViewIfNeeded();
  const box = await locator.boundingBox();
  if (!box) throw new Error('It has no box');
  return box;
}

async function centreOf(locator: Locator): Promise<Spot> {
  const { x, y, width, height } = await boxOf(locator);
  return { x: x + width / 2, y: y + height / 2 };
}

export async function dragBlocks(page: Page, from: number, to: number): Promise<void> {
  await dragOptions(page, blockOption(page, from), blockOption(page, to));
}

/** Over the row of text groups. */
export async function dragText(page: Page, from: number, to: number): Promise<void> {
  await dragOptions(page, textOption(page, from), textOption(page, to));
}

async function dragOptions(page: Page, from: Locator, to: Locator): Promise<void> {
  // Away from under the header, which covers what counts as in view.
  await from.evaluate((node) => node.scrollIntoView({ block: 'center' }));
  await drag(page, await centreOf(from), await centreOf(to));
}

/** Takes an edge of a chosen interval and lets go over a block. */
export async function dragEdge(page: Page, handle: string, to: number): Promise<void> {
  const start = await centreOf(page.getByRole('slider', { name: handle, exact: true }));
  const { x } = await centreOf(blockOption(page, to));
  await drag(page, start, { x, y: start.y });
}

/** The spot of block pair (column, row) in a heatmap of `numBlocks`. */
export async function cellSpot(map: Locator, column: number, row: number, numBlocks: number): Promise<Spot> {
  const { x, y, width, height } = await boxOf(map);
  return { x: x + ((column + 0.5) * width) / numBlocks, y: y + ((row + 0.5) * height) / numBlocks };
}

export async function brushDiagonal(page: Page, map: Locator, first: number, last: number, numBlocks: number) {
  await drag(page, await cellSpot(map, first, first, numBlocks), await cellSpot(map, last, last, numBlocks));
}

export async function textOf(download: Download): Promise<string> {
  return (await bytesOf(download)).toString('utf8');
}

export async function bytesOf(download: Download): Promise<Buffer> {
  return await readFile(await download.path());
}

export async function downloadBy(page: Page, click: () => Promise<void>): Promise<Download> {
  const download = page.waitForEvent('download');
  await click();
  return await download;
}

/** Answers the file dialog that a click opens. */
export async function pick(page: Page, click: () => Promise<void>, files: Parameters<Locator['setInputFiles']>[0]) {
  const chooser = page.waitForEvent('filechooser');
  await click();
  await (await chooser).setFiles(files);
}

/** Reads a page's own file format: one row per line, header first. */
export function csvRows(text: string): string[][] {
  return text
    .trim()
    .split('\r\n')
    .map((line) => line.split(','));
}

/** A drop from outside the browser, which no synthetic event can carry a folder in. */
export async function dropFile(page: Page, path: string): Promise<void> {
  const devtools = await page.context().newCDPSession(page);
  const data = { items: [], files: [path], dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
    await devtools.send('Input.dispatchDragEvent', { type, x: 700, y: 300, data });
  }
  await devtools.detach();
}
