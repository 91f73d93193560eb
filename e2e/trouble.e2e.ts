/** A worker that dies, and a page that is left too early: said clearly, nothing lost, and the work goes on. */
import type { Page, Worker } from '@playwright/test';
import {
  alerts,
  analyse,
  brackets,
  dragBlocks,
  expect,
  expectChosen,
  open,
  panel,
  test,
  testAnalysed,
} from './contigua.ts';

testAnalysed.describe('a compute worker that crashes', () => {
  testAnalysed.use({ tolerated: [/provoked by the test/] });

  testAnalysed('takes nothing with it: the page says so, and works again after a restart', async ({ page }) => {
    const detected = await brackets(page).count();
    await dragBlocks(page, 3, 5);
    await page.getByRole('textbox', { name: 'Samples' }).fill('8');
    await page.getByRole('button', { name: 'Analyse', exact: true }).click();
    await expect(page.getByRole('progressbar', { name: 'Capture states' })).toBeVisible();
    await crash(page);

    const alert = alerts(page).filter({ hasText: 'The compute worker stopped' });
    await expect(alert).toHaveAttribute('data-code', 'worker-crashed');
    await expect(alert).toContainText('provoked by the test');
    await expect(page.getByRole('button', { name: 'Engine: lost' })).toBeVisible();
    await expect(page.getByRole('button', { name: 'Stop', exact: true })).toHaveCount(0);
    await expect(brackets(page)).toHaveCount(detected);
    await expectChosen(page, [[3, 5]]);

    await alert.getByRole('button', { name: 'Restart engine' }).click();
    await expect(page.getByRole('button', { name: /^Engine: WASM/ })).toBeVisible({ timeout: 30_000 });
    await expect(alerts(page)).toHaveCount(0);
    await analyse(page);
    await expect(panel(page, 'Similarity of hidden states')).toContainText('n = 128 image');
    await expectChosen(page, [[3, 5]]);
  });
});

testAnalysed(
  'a compute worker that is gone without a word: the page says so and offers a restart',
  async ({ page }) => {
    testAnalysed.setTimeout(300_000);
    const detected = await brackets(page).count();
    await dragBlocks(page, 3, 5);
    await page.getByRole('textbox', { name: 'Samples' }).fill('8');
    const worker = await computeWorker(page);
    await page.getByRole('button', { name: 'Analyse', exact: true }).click();
    await expect(page.getByRole('progressbar', { name: 'Capture states' })).toBeVisible();
    // No error event tells of this.
    await worker.evaluate(() => self.close()).catch(() => {});

    const notice = panel(page, 'Notices')
      .getByRole('status')
      .filter({ hasText: /No answer from the engine for \d+ s/ });
    await expect(notice).toBeVisible({ timeout: 150_000 });
    await expect(panel(page, 'Calibration')).toContainText(/No answer from the engine for \d+ s/);
    await expect(page.getByRole('button', { name: 'Engine: no answer' })).toBeVisible();
    await expect(page.getByRole('button', { name: 'Stop', exact: true })).toBeVisible();

    await notice.getByRole('button', { name: 'Restart engine' }).click();
    await expect(page.getByRole('button', { name: /^Engine: WASM/ })).toBeVisible({ timeout: 60_000 });
    await expect(notice).toHaveCount(0);
    await expect(brackets(page)).toHaveCount(detected);
    await expect(page.getByRole('textbox', { name: 'Samples' })).toHaveValue('8');
    await expectChosen(page, [[3, 5]]);
    await analyse(page);
    await expectChosen(page, [[3, 5]]);
  },
);

test('leaving the page while it is busy asks first', async ({ page }) => {
  await open(page, '/?inputs=shapes-256-8-1');
  await page.getByRole('button', { name: 'Analyse', exact: true }).click();
  await expect(page.getByRole('button', { name: 'Stop', exact: true })).toBeVisible();
  const asked = page.waitForEvent('dialog');
  await page.close({ runBeforeUnload: true });
  const dialog = await asked;
  expect(dialog.type()).toBe('beforeunload');
  await dialog.dismiss();
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await expect(page.getByRole('button', { name: 'Analyse', exact: true })).toBeVisible();
});

/** An uncaught error in the worker that computes, as a defect would throw it. */
async function crash(page: Page): Promise<void> {
  const worker = await computeWorker(page);
  await worker.evaluate(() => {
    setTimeout(() => {
      throw new Error('provoked by the test');
    });
  });
}

async function computeWorker(page: Page): Promise<Worker> {
  for (const worker of page.workers()) {
    if (await worker.evaluate(() => Reflect.has(globalThis, '_tfengine'))) return worker;
  }
  throw new Error('No worker computes');
}
