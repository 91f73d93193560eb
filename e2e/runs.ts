/** What the journeys about distillation share: a short run on the sample model, begun as a user begins one. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import AxeBuilder from '@axe-core/playwright';
import type { APIRequestContext, Locator, Page } from '@playwright/test';
import { z } from 'zod';
import { expect, open, panel } from './contigua.ts';

/** A few steps on two cores that others use as well. */
export const TRAINING_MS = 240_000;
/** Teacher and subset draw 32 pictures each. */
export const MEASURING_MS = 420_000;

/** The web server answers before the job host beside it does. */
export async function hostIsUp(request: APIRequestContext): Promise<void> {
  const status = async () => (await request.get('/api/trpc/server.status')).status();
  await expect.poll(status, { timeout: 120_000 }).toBe(200);
}

export interface RunOptions {
  readonly steps: number;
  readonly seed?: number;
  readonly name?: string;
}

export interface ShortRun extends RunOptions {
  /** The sample's digits, as in links; the first sample unless given. */
  readonly model?: string;
  readonly cut: string;
}

/** Opens the dialog on a choice of intervals and makes the run short. */
export async function openDistil(page: Page, { model = '', cut, ...options }: ShortRun): Promise<Locator> {
  await open(page, `/?${model === '' ? '' : `model=${model}&`}cut=${cut}`);
  return await openDistilOfChoice(page, options);
}

/** The same on what the page has open and chosen. */
export async function openDistilOfChoice(page: Page, { steps, seed = 0, name = '' }: RunOptions): Promise<Locator> {
  await page.getByRole('button', { name: 'Distil', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Distil', exact: true });
  const field = (name: string) => dialog.getByLabel(name, { exact: true });
  await field('Name').fill(name);
  await field('Steps').fill(String(steps));
  await field('Batch').fill('2');
  await field('Seed').fill(String(seed));
  await dialog.getByText('More settings').click();
  await field('Held-out samples').fill('2');
  await field('Held-out every').fill(String(Math.ceil(steps / 2)));
  await field('Checkpoint every').fill(String(Math.ceil(steps / 4)));
  return dialog;
}

/** Starts it and waits for its page. */
export async function startRun(page: Page, run: ShortRun): Promise<string> {
  return await startDistilling(page, await openDistil(page, run));
}

export async function startDistilling(page: Page, dialog: Locator): Promise<string> {
  const start = dialog.getByRole('button', { name: 'Start distilling' });
  // The estimate comes first; a model new to the server is timed for it.
  await expect(start).toBeEnabled({ timeout: 180_000 });
  await start.click();
  await page.waitForURL(/\/runs\/[A-Za-z0-9_-]+$/, { timeout: 60_000 });
  const title = page.getByRole('region', { name: 'Run', exact: true }).getByRole('heading', { level: 1 });
  // On a busy machine the run's page waits for the server.
  await expect(title).toBeVisible({ timeout: 60_000 });
  return page.url().slice(page.url().lastIndexOf('/') + 1);
}

export const interval = (page: Page, first: number, last: number): Locator =>
  panel(page, 'Intervals').getByRole('listitem', { name: `Interval ${first} to ${last}`, exact: true });
export const bar = (job: Locator): Locator => job.getByRole('progressbar');
export const student = (page: Page, first: number, last: number): Locator =>
  page.getByRole('switch', { name: `Plug in student ${first} to ${last}`, exact: true });
/** A line of the table under the switches: "Blocks", "Facts held", … */
export const result = (page: Page, name: string): Locator =>
  panel(page, 'Plug and play')
    .getByRole('row')
    .filter({ has: page.getByRole('rowheader', { name, exact: true }) });
export const points = (page: Page): Locator =>
  page.getByRole('group', { name: 'Tried subsets, smallest first' }).getByRole('button');

export async function runIsDone(page: Page, jobs: number, timeout = TRAINING_MS): Promise<void> {
  await expect(panel(page, 'Run')).toContainText(`All ${jobs} done`, { timeout });
}

/** The process that owns the database, from its lock. */
export async function hostPid(dataFolder: string): Promise<number> {
  const lock = join(dataFolder, 'database.lock');
  const names = (await readdir(lock)).filter((name) => name.endsWith('.json'));
  const owners = await Promise.all(names.map(async (name) => JSON.parse(await readFile(join(lock, name), 'utf8'))));
  return z.object({ pid: z.int() }).parse(owners.at(-1)).pid;
}

export async function expectNothingSerious(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  expect(
    serious.map(({ id, help, nodes }) => `${id}: ${help} (${nodes.map(({ target }) => target).join('; ')})`),
  ).toEqual([]);
}

export async function expectNoSidewaysScroll(page: Page): Promise<void> {
  const over = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth - clientWidth;
  });
  expect(over).toBeLessThanOrEqual(0);
}
