/** The choice travels: in the address, in a link, in a plan file. What belongs to another model is told apart. */
import type { Page } from '@playwright/test';
import {
  alerts,
  downloadBy,
  dragBlocks,
  expect,
  expectChosen,
  open,
  pick,
  planLine,
  test,
  textOf,
} from './contigua.ts';

test('a reload brings the same plan back', async ({ page }) => {
  await open(page);
  await dragBlocks(page, 3, 5);
  await dragBlocks(page, 9, 10);
  await expect(page).toHaveURL(/[?&]cut=3-5\.9-10(&|$)/);
  await page.reload();
  await expectChosen(page, [
    [3, 5],
    [9, 10],
  ]);
  await expect(planLine(page, 'Blocks')).toContainText('16 → 13');
});

test('a copied link gives somebody else the same plan and settings', async ({ page, browser, baseURL }) => {
  await open(page);
  await dragBlocks(page, 7, 4);
  await page.getByRole('radio', { name: 'Biased', exact: true }).check();
  await page.getByRole('textbox', { name: 'Prompt' }).fill('large blue cross bottom-left, brown');
  await page.getByRole('button', { name: 'Copy link', exact: true }).click();
  await expect(page.getByRole('status').filter({ hasText: 'Link copied' })).toBeVisible();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  expect(link.startsWith(`${baseURL}/?`)).toBe(true);

  const elsewhere = await browser.newContext();
  const other = await elsewhere.newPage();
  await open(other, link);
  await expectChosen(other, [[4, 7]]);
  await expect(other.getByRole('radio', { name: 'Biased', exact: true })).toBeChecked();
  await expect(other.getByRole('textbox', { name: 'Prompt' })).toHaveValue('large blue cross bottom-left, brown');
  // The same choice is the same plan, but for the moment it was made.
  expect(await planOf(other)).toEqual(await planOf(page));
  await elsewhere.close();
});

test('a link made for another model says so and chooses nothing', async ({ page }) => {
  await open(page, '/?model=0123456789ab&cut=3-5');
  const notice = page.getByRole('status').filter({ hasText: 'This link was made for another model' });
  await expect(notice).toContainText('sha256:0123456789ab');
  await expect(notice).toContainText('shapes-mmdit');
  await expectChosen(page, []);
});

test('a link whose choice makes no sense says what is wrong with it', async ({ page }) => {
  await open(page, '/?cut=3-99');
  const alert = alerts(page);
  await expect(alert).toContainText('[3,99]');
  await expect(alert).toContainText('0 ≤ first < last ≤ 15');
  await expectChosen(page, []);
});

test('loading a plan.json restores its choice, and undo brings the former one back', async ({ page }) => {
  await open(page, '/?cut=3-5.9-10');
  await expectChosen(page, [
    [3, 5],
    [9, 10],
  ]);
  const file = await downloadBy(page, () => page.getByRole('button', { name: 'Download plan', exact: true }).click());
  const plan = { name: 'my plan.json', mimeType: 'application/json', buffer: Buffer.from(await textOf(file)) };
  await page.getByRole('button', { name: 'Clear', exact: true }).click();
  await dragBlocks(page, 0, 1);
  await pick(page, () => page.getByRole('button', { name: 'Load plan', exact: true }).click(), plan);
  await expect(page.getByRole('status').filter({ hasText: 'my plan.json loaded' })).toBeVisible();
  await expectChosen(page, [
    [3, 5],
    [9, 10],
  ]);
  await page.getByRole('button', { name: 'Undo', exact: true }).click();
  await expectChosen(page, [[0, 1]]);
});

/** The downloaded plan without its date. */
async function planOf(page: Page): Promise<Record<string, unknown>> {
  const file = await downloadBy(page, () => page.getByRole('button', { name: 'Download plan', exact: true }).click());
  const plan: Record<string, unknown> = JSON.parse(await textOf(file));
  expect(plan.createdAt).toEqual(expect.any(String));
  return { ...plan, createdAt: null };
}
