/** An analysis goes on after a reload and on another engine: further intervals are measured and drawn with its probes. */
import type { Page } from '@playwright/test';
import {
  ANALYSIS_MS,
  alerts,
  analyse,
  dragBlocks,
  expect,
  fact,
  open,
  panel,
  pick,
  test,
  testAnalysed,
} from './contigua.ts';
import { calibrationFile, transformerFiles, writeFolder } from './model-folder.ts';

test.describe.configure({ timeout: 300_000 });

/** The error that the table shows of a run, under the score that is asked for. */
async function expectError(page: Page, score: 'removed' | 'probed', first: number, last: number) {
  await page.getByRole('combobox', { name: 'Rank by' }).selectOption(score);
  const row = page
    .getByRole('region', { name: 'Intervals by predicted damage' })
    .getByRole('row')
    .filter({ has: page.getByRole('switch', { name: `Take out interval ${first} to ${last}`, exact: true }) });
  await expect(row.getByRole('cell').nth(2)).toHaveText(/^\d+(\.\d+)? %$/, { timeout: ANALYSIS_MS });
}

testAnalysed('an interval that was not measured is measured after a reload, both ways', async ({ page }) => {
  // The page of this journey is one that was opened anew: its worker has never fitted a probe.
  await expect(panel(page, 'Calibration')).toContainText('Restored, measured');
  const fitting = page.getByText(/^Fitting probes again, \d+ of 16$/);
  const seen = fitting.first().waitFor({ timeout: ANALYSIS_MS });
  await dragBlocks(page, 4, 7);
  await seen;
  await expectError(page, 'removed', 4, 7);
  await expectError(page, 'probed', 4, 7);
  await expect(fitting).toHaveCount(0);
});

testAnalysed('a picture with probes in place of blocks is drawn after a reload', async ({ page }) => {
  await dragBlocks(page, 6, 8);
  const preview = panel(page, 'Preview');
  await preview.getByRole('radio', { name: 'Probes', exact: true }).check();
  await preview.getByRole('textbox', { name: 'Prompt' }).fill('large red circle top-left, white');
  await preview.getByRole('button', { name: 'Draw', exact: true }).click({ timeout: ANALYSIS_MS });
  await expect(page.getByRole('img', { name: /^Pruned model's picture/ })).toBeVisible({ timeout: ANALYSIS_MS });
  await expect(alerts(page)).toHaveCount(0);
});

testAnalysed('further intervals are measured once the engine has been changed', async ({ page }) => {
  const engine = page.getByRole('button', { name: /^Engine: / });
  await engine.click();
  await page.getByRole('button', { name: 'Use CPU (plain JavaScript)', exact: true }).click();
  await expect(engine).toHaveAccessibleName(/^Engine: CPU/, { timeout: 60_000 });
  const back = page.getByRole('button', { name: 'Choose for me', exact: true });
  await expect(back).toBeEnabled({ timeout: 60_000 });
  await back.click();
  await expect(engine).toHaveAccessibleName(/^Engine: WASM/, { timeout: 60_000 });
  await page.keyboard.press('Escape');
  await dragBlocks(page, 10, 12);
  await expectError(page, 'probed', 10, 12);
});

test('the calibration file of an analysis is asked for by name and digits, and only that one is taken', async ({
  page,
}) => {
  const folder = await writeFolder('mine', await transformerFiles({ blocks: 5 }));
  const calibration = panel(page, 'Calibration');
  const give = (name: string, samples: number) =>
    pick(page, () => page.getByRole('button', { name: /^(Pick calibration|Another file)/ }).click(), {
      name,
      mimeType: 'application/octet-stream',
      buffer: Buffer.from(calibrationFile(samples)),
    });
  await open(page);
  await openFolder(page, folder);
  await page.getByRole('combobox', { name: 'Inputs' }).selectOption('file');
  await give('mine.safetensors', 12);
  await analyse(page);
  await expect(page).toHaveURL(/[?&]inputs=file-[0-9a-f]{16}/);
  const [, digits = ''] = /inputs=file-([0-9a-f]{16})/.exec(page.url()) ?? [];
  await page.reload();
  await expect(fact(page, 'Blocks')).toHaveText('16', { timeout: 60_000 });
  await openFolder(page, folder);

  const asked = `The analysis on the page was measured on mine.safetensors (content ${digits}). Choose that file again`;
  await expect(calibration).toContainText(asked);
  await dragBlocks(page, 1, 3);
  await expect(panel(page, 'Intervals')).toContainText('choose mine.safetensors again under Calibration');
  await give('other.safetensors', 8);
  const warning = panel(page, 'Notices').getByRole('status').filter({ hasText: 'other.safetensors is not the file' });
  await expect(warning).toContainText(digits);
  await expect(calibration).toContainText(asked);
  // The content counts, not the name.
  await give('renamed.safetensors', 12);
  await expect(calibration).not.toContainText(asked);
  await expect(calibration).not.toContainText('Outdated');
  await expectError(page, 'removed', 1, 3);
  await expectError(page, 'probed', 1, 3);
});

async function openFolder(page: Page, folder: string): Promise<void> {
  await pick(page, () => page.getByRole('button', { name: 'Open folder' }).click(), folder);
  await expect(fact(page, 'Blocks')).toHaveText('5');
}
