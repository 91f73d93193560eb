/** A browser that has never been here checks the engine; later visits take the result, until they are asked to check again. */
import { CHECKED_ENGINE } from './checked-engine.ts';
import { expect, open, test } from './contigua.ts';

test('the engine is checked at the first visit, and at a later one when asked for', async ({ page, context }) => {
  await open(page);
  const about = page.getByRole('dialog', { name: 'Engine' });
  await page.getByRole('button', { name: /^Engine: / }).click();
  const now = /^Checked against the reference: max error \d\.\de-\d+ \(tolerance 2e-4\)\.$/;
  await expect(about.getByText(now)).toBeVisible({ timeout: 120_000 });
  await context.storageState({ path: CHECKED_ENGINE, indexedDB: true });

  await page.reload();
  await page.getByRole('button', { name: /^Engine: / }).click();
  const kept =
    /^Checked against the reference on \d+ \w+ \d{4}, \d\d:\d\d: max error \d\.\de-\d+ \(tolerance 2e-4\)\.$/;
  await expect(about.getByText(kept)).toBeVisible({ timeout: 120_000 });
  await about.getByRole('button', { name: 'Check again' }).click();
  await expect(about.getByText(now)).toBeVisible({ timeout: 120_000 });
});
