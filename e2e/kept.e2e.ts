/** Analyses that the browser keeps: an address brings back the one that it states, however many others there are. */
import type { Page } from '@playwright/test';
import {
  ANALYSIS_MS,
  analyse,
  dragBlocks,
  expect,
  expectChosen,
  fact,
  open,
  panel,
  pick,
  planLine,
  test,
} from './contigua.ts';
import { calibrationFile, transformerFiles, writeFolder } from './model-folder.ts';

test.describe.configure({ timeout: 300_000 });

const address = (seed: number) => `/?inputs=shapes-8-2-${seed}`;
const calibration = (page: Page) => panel(page, 'Calibration');
const offer = (page: Page) =>
  page.getByRole('status').filter({ hasText: 'No analysis with these inputs is kept in this browser' });

test('each of two tabs comes back with its own analysis, and a third is offered the last one', async ({
  page: first,
  context,
}) => {
  await open(first, address(1));
  await analyse(first);
  const second = await context.newPage();
  await open(second, address(2));
  await expect(offer(second)).toContainText('8 captioned pictures at 2 noise levels, seed 1');
  await analyse(second);
  for (const [tab, seed] of [
    [first, 1],
    [second, 2],
  ] as const) {
    await tab.reload();
    await expect(calibration(tab)).toContainText(`seed ${seed}, n = 512 image`, { timeout: 60_000 });
    await expect(calibration(tab)).toContainText('Restored, measured');
  }

  await open(second, address(3));
  await expect(calibration(second)).toContainText('Not run yet');
  await offer(second).getByRole('button', { name: 'Show that one' }).click();
  await expect(calibration(second)).toContainText('seed 2, n = 512 image');
  await expect(second.getByRole('textbox', { name: 'Seed', exact: true }).first()).toHaveValue('2');
  await expect(second).toHaveURL(/[?&]inputs=shapes-8-2-2(&|$)/);

  // As a version before kept it: by model and inputs alone.
  await second.evaluate(renameAsBefore, 'shapes-8-2-1');
  await open(second, address(1));
  await expect(calibration(second)).toContainText('seed 1, n = 512 image', { timeout: 60_000 });
  // An address that nobody wrote asks for none in particular.
  await open(second, '/');
  await expect(calibration(second)).toContainText('seed 2, n = 512 image', { timeout: 60_000 });
});

test('what was measured of a choice is there after a reload, as a point of the chart', async ({ page }) => {
  await open(page, address(1));
  await analyse(page);
  await dragBlocks(page, 5, 6);
  const error = planLine(page, 'Output error');
  await expect(error).toContainText(/^Output error[\d.]+ %[\d.]+–[\d.]+ %$/, { timeout: ANALYSIS_MS });
  const measured = (await error.textContent()) ?? '';

  // Nothing is chosen, so that nothing is measured.
  await open(page, address(1));
  await expect(calibration(page)).toContainText('Restored, measured', { timeout: 60_000 });
  const plans = panel(page, 'Plans');
  await plans.getByRole('radio', { name: 'Error' }).check();
  await plans.getByRole('button', { name: /5–6/ }).click();
  await expectChosen(page, [[5, 6]]);
  await expect(error).toHaveText(measured);
});

test('other analyses of the model are laid over the one on the page', async ({ page }) => {
  for (const seed of [1, 2]) {
    // Enough held-out tokens for intervals to be read.
    await open(page, `/?inputs=shapes-64-8-${seed}`);
    await analyse(page);
    // It is kept a moment after it is shown.
    await expect(async () => expect((await page.evaluate(newestRecord)).calibration.seed).toBe(seed)).toPass({
      timeout: 30_000,
    });
  }
  const trajectories = panel(page, 'Where runs break');
  await trajectories.getByRole('button', { name: 'Compare analyses' }).click();
  const dialog = page.getByRole('dialog', { name: 'Compare analyses' });
  await expect(dialog.getByRole('listitem')).toContainText('seed 1');
  await dialog.getByRole('switch', { name: 'Compare with 1 other analysis of this model' }).click();
  await expect(dialog.getByRole('status')).toContainText('Of 2 analyses, ');
  await expect(trajectories).toContainText('The thin line is another analysis of this model.');
  await expect(trajectories.getByText('1 other analysis', { exact: true })).toBeVisible();
  await expect(panel(page, 'Blocks')).toContainText('Of 2 analyses, ');

  // A report that is none, then one of an analysis of another seed, as the terminal writes it.
  const report = (buffer: string) => ({
    name: 'third.json',
    mimeType: 'application/json',
    buffer: Buffer.from(buffer),
  });
  const choose = (buffer: string) =>
    pick(page, () => dialog.getByRole('button', { name: 'Open report…' }).click(), report(buffer));
  await choose('{}');
  await expect(page.getByRole('alert').filter({ hasText: 'third.json' })).toBeVisible();
  const kept = await page.evaluate(newestRecord);
  await choose(JSON.stringify({ ...kept, blockMs: kept.blockMs.map((ms: number) => ms + 1) }));
  await expect(dialog.getByRole('status')).toContainText('Of 3 analyses, ');
  await page.keyboard.press('Escape');
  await expect(
    panel(page, 'Blocks')
      .getByRole('button', { name: /^Detected interval .*by \d of 3 analyses/ })
      .first(),
  ).toBeVisible();
});

test('an analysis on a calibration file is found again by what the file holds', async ({ page }) => {
  const folder = await writeFolder('transformer', await transformerFiles({ blocks: 3 }));
  await open(page);
  await openFolder(page, folder);
  await page.getByRole('combobox', { name: 'Inputs' }).selectOption('file');
  const addresses: string[] = [];
  for (const samples of [12, 8]) {
    await pick(page, () => page.getByRole('button', { name: /Pick calibration|Another file/ }).click(), {
      name: 'calibration.safetensors',
      mimeType: 'application/octet-stream',
      buffer: Buffer.from(calibrationFile(samples)),
    });
    await analyse(page);
    await expect(calibration(page)).toContainText(`${samples} samples at 2 time steps`, { timeout: 60_000 });
    // The address follows a little later.
    await expect.poll(() => /[?&]inputs=file-[0-9a-f]{16}$/.test(page.url()) && page.url() !== addresses[0]).toBe(true);
    addresses.push(page.url());
  }
  // The file itself does not come back, so there is nothing to analyse yet.
  await page.goto(addresses[0] ?? '');
  await expect(fact(page, 'Blocks')).toHaveText('16', { timeout: 60_000 });
  await openFolder(page, folder);
  await expect(calibration(page)).toContainText('12 samples at 2 time steps', { timeout: 60_000 });
});

async function openFolder(page: Page, folder: string): Promise<void> {
  await pick(page, () => page.getByRole('button', { name: 'Open folder' }).click(), folder);
  await expect(fact(page, 'Blocks')).toHaveText('3');
}

/** Runs in the page: the report that was kept last. */
async function newestRecord() {
  const done = <T>(request: IDBRequest<T>) =>
    new Promise<T>((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  const database = await done(indexedDB.open('contigua'));
  const records = await done(database.transaction('analyses').objectStore('analyses').getAll());
  database.close();
  return JSON.parse(records.toSorted((a, b) => b.savedAtMs - a.savedAtMs)[0].text);
}

/** Runs in the page: gives a kept record the key of an earlier version. */
async function renameAsBefore(inputs: string): Promise<void> {
  const done = <T>(request: IDBRequest<T>) =>
    new Promise<T>((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  const database = await done(indexedDB.open('contigua'));
  const store = database.transaction('analyses', 'readwrite').objectStore('analyses');
  const records = await done(store.getAll());
  const record = records.find(({ key }) => String(key).includes(inputs));
  await done(store.delete(record.key));
  await done(store.put({ ...record, key: `${record.fingerprint} ${inputs}` }));
  database.close();
}
