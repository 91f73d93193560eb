/**
 * A trace in place of a model: opened, analysed without weights, what needs them is named, found again after a reload, and an
 * interval chosen on it becomes a plan.
 */
import { fileURLToPath } from 'node:url';
import {
  ANALYSIS_MS,
  alerts,
  analyse,
  brackets,
  downloadBy,
  dragBlocks,
  dropFile,
  expect,
  expectChosen,
  fact,
  open,
  panel,
  planLine,
  test,
  textOf,
} from './contigua.ts';

const TRACE = fileURLToPath(new URL('../lib/testing/traces/flux/trace.safetensors', import.meta.url));
const CALIBRATION = fileURLToPath(new URL('../lib/testing/traces/flux/calibration.safetensors', import.meta.url));
const NO_WEIGHTS = 'A trace holds no weights: open tiny-flux itself to measure what they do.';

test('a trace shows everything that needs no weights, and says what does', async ({ page }) => {
  test.setTimeout(300_000);
  await open(page);
  await page.getByTestId('file-input').setInputFiles(TRACE);
  await expect(fact(page, 'Family')).toHaveText('flux', { timeout: ANALYSIS_MS });
  await expect(fact(page, 'Blocks')).toHaveText('7 = 3 dual + 4 single');
  await expect(fact(page, 'Trace')).toHaveText('96 image and 96 text tokens');
  await expect(fact(page, 'States as')).toHaveText('F32');
  const calibration = panel(page, 'Calibration');
  await expect(calibration).toContainText('trace.safetensors: 24 samples of 8 prompts at 3 time steps.');
  await expect(calibration.getByRole('combobox')).toHaveCount(0);

  await expect(calibration.getByRole('listitem')).toHaveText([
    'Capture states',
    'Fit linear probes',
    'Compare states (CKA)',
    'Follow surrogates',
  ]);
  await dropFile(page, CALIBRATION);
  await expect(page.getByText('calibration.safetensors was not taken as the calibration')).toBeVisible();
  await expect(panel(page, 'Notices')).toContainText(
    'The trace of tiny-flux brings the samples that it was captured on. To measure on calibration.safetensors, open the model itself first.',
  );
  await expect(calibration).toContainText('trace.safetensors: 24 samples of 8 prompts at 3 time steps.');

  await calibration.getByText('Tokens and memory').click();
  await calibration.getByLabel('Tokens / stream').fill('72');
  await calibration.getByLabel('Tokens / stream').press('Enter');
  await expect(calibration.getByLabel('Damage samples')).toHaveCount(0);
  await calibration.getByRole('button', { name: 'Estimate', exact: true }).click();
  const estimate = page.getByLabel('Estimate', { exact: true }).and(page.locator('dl'));
  await expect(estimate).toContainText('Read of the trace', { timeout: ANALYSIS_MS });
  await expect(estimate).not.toContainText('damage');

  await analyse(page);
  await expect(alerts(page)).toHaveCount(0);
  await expect(calibration).toContainText('n = 72 image and 72 text tokens of 96 image and 96 text tokens');
  await calibration.getByLabel('Tokens / stream').fill('');
  await calibration.getByLabel('Tokens / stream').press('Enter');
  await analyse(page);
  await expect(calibration).toContainText('n = 96 image and 96 text tokens.');
  await expect(brackets(page).first()).toBeVisible();
  await expect(page.getByRole('application', { name: /^State CKA between blocks, image stream/ })).toBeVisible();
  await dragBlocks(page, 3, 5);
  await expectChosen(page, [[3, 5]]);
  await expect(planLine(page, 'Blocks')).toContainText('7 → 5');
  await expect(planLine(page, 'Parameters')).toContainText('→');
  await expect(planLine(page, 'Output error')).toContainText('needs the weights');
  await expect(planLine(page, 'Forward time')).toContainText('needs the weights');
  await expect(panel(page, 'Intervals')).toContainText(NO_WEIGHTS);
  await expect(panel(page, 'Preview')).toContainText(NO_WEIGHTS);
  const measure = page.getByRole('button', { name: /^Measure every interval/ });
  await expect(measure).toBeDisabled();
  await expect(measure).toHaveAttribute('title', NO_WEIGHTS);

  const plan = await downloadBy(page, () => page.getByRole('button', { name: 'Download plan' }).click());
  expect(JSON.parse(await textOf(plan))).toMatchObject({ model: { name: 'tiny-flux', numBlocks: 7 } });

  // The browser cannot open the file again by itself; picked again, its analysis is there.
  await open(page);
  await page.getByTestId('file-input').setInputFiles(TRACE);
  await expect(page.getByText('Restored analysis of tiny-flux')).toBeVisible();
  await expect(brackets(page).first()).toBeVisible();
});
