/** What a browser remembers after a first visit: that the engine passed its check. Later journeys begin with it. */
import { CHECKED_ENGINE } from './checked-engine.ts';
import { expect, open, test } from './contigua.ts';

test('the engine is checked at the first visit', async ({ page, context }) => {
  await open(page);
  await page.getByRole('button', { name: /^Engine: / }).click();
  const about = page.getByRole('dialog', { name: 'Engine' });
  await expect(
    about.getByText(/^Checked against the reference: max error \d\.\de-\d+ \(tolerance 2e-4\)\.$/),
  ).toBeVisible({ timeout: 120_000 });
  await context.storageState({ path: CHECKED_ENGINE, indexedDB: true });
});
