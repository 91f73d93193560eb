/**
 * What the page says stays true: notices go when what they are about is well again and cover no control, fields keep what
 * was typed, and results of other settings are marked as such.
 */
import type { Locator, Page } from '@playwright/test';
import {
  alerts,
  analyse,
  brackets,
  dragBlocks,
  expect,
  fact,
  open,
  panel,
  pick,
  planLine,
  test,
  testOnOnePage,
} from './contigua.ts';
import { transformerFiles, writeFolder } from './model-folder.ts';
import { expectNoSidewaysScroll } from './runs.ts';

const analyseButton = (page: Page) => page.getByRole('button', { name: 'Analyse', exact: true });
const openButton = (page: Page) => page.getByRole('button', { name: 'Open folder', exact: true });

async function openBroken(page: Page): Promise<void> {
  const files = await transformerFiles({ config: { _class_name: 'UNet2DConditionModel' } });
  const folder = await writeFolder('broken', files);
  await pick(page, () => openButton(page).click(), folder);
  await expect(alerts(page)).toHaveCount(1);
}

/** What lies under the middle of the control is the control: nothing covers it where it can be scrolled to. */
async function expectUncovered(control: Locator): Promise<void> {
  await control.evaluate((node) => node.scrollIntoView({ block: 'center' }));
  const isOnTop = await control.evaluate((node) => {
    const { left, top, width, height } = node.getBoundingClientRect();
    const hit = document.elementFromPoint(left + width / 2, top + height / 2);
    return hit !== null && (node === hit || node.contains(hit));
  });
  expect(isOnTop).toBe(true);
}

const SIZES = [
  [390, 844],
  [768, 1024],
  [1280, 800],
  [1440, 900],
] as const;

test('a notice covers no control that it is about, and nothing is wider than the page, narrow or wide', async ({
  page,
}) => {
  await open(page);
  for (const [width, height] of SIZES) {
    await page.setViewportSize({ width, height });
    await expectNoSidewaysScroll(page);
    const main = await page.getByRole('main').boundingBox();
    const first = await panel(page, 'Model').boundingBox();
    expect(first?.width).toBeLessThanOrEqual(main?.width ?? 0);
  }
  for (const [width, height] of SIZES) {
    await page.setViewportSize({ width, height });
    await page.evaluate(() => window.scrollTo(0, 0));
    await openBroken(page);
    await expectUncovered(openButton(page));
    await expectUncovered(analyseButton(page));
    await expectUncovered(page.getByRole('button', { name: 'Load plan', exact: true }));
  }
});

test('an error about a model goes when the next one opens; a warning wears a warning’s mark', async ({ page }) => {
  await open(page, '/?model=000000000000&cut=3-4');
  const notices = panel(page, 'Notices');
  const warning = notices.getByRole('status').filter({ hasText: 'This link was made for another model' });
  await expect(warning).toHaveAttribute('data-tone', 'warning');
  await openBroken(page);
  await pick(page, () => openButton(page).click(), await writeFolder('whole', await transformerFiles({ blocks: 3 })));
  await expect(fact(page, 'Blocks')).toHaveText('3');
  await expect(alerts(page)).toHaveCount(0);
});

test('a number beyond its bounds stays as typed, with the bounds beside it, and nothing runs on another', async ({
  page,
}) => {
  await open(page);
  for (const [label, typed, bounds] of [
    ['Samples', '0', '2 to 1,024'],
    ['Samples', '1000000000', '2 to 1,024'],
    ['Timesteps', '65', '1 to 64'],
    ['Seed', '-1', '0 to 4,294,967,295'],
    ['Samples', 'many', 'a whole number, 2 to 1,024'],
  ] as const) {
    const field = panel(page, 'Calibration').getByRole('textbox', { name: label });
    const before = await field.inputValue();
    await field.fill(typed);
    await field.blur();
    await expect(field).toHaveValue(typed);
    await expect(field).toHaveAccessibleDescription(bounds);
    await expect(field).toHaveAttribute('aria-invalid', 'true');
    await expect(analyseButton(page)).toBeDisabled();
    await field.fill(before);
    await expect(analyseButton(page)).toBeEnabled();
  }
  const seed = panel(page, 'Preview').getByRole('textbox', { name: 'Seed' });
  await seed.fill('4294967296');
  await expect(seed).toHaveValue('4294967296');
  await expect(seed).toHaveAccessibleDescription('0 to 4,294,967,295');
  await expect(panel(page, 'Preview').getByRole('button', { name: 'Draw', exact: true })).toBeDisabled();
});

testOnOnePage(
  'an analysis of other settings is marked, says what changed, and is unmarked by the old ones',
  async ({ page }) => {
    const samples = panel(page, 'Calibration').getByRole('textbox', { name: 'Samples' });
    const marked = page.getByText(/Outdated/);
    await expect(marked).toHaveCount(0);
    await samples.fill('32');
    await expect(panel(page, 'Calibration')).toContainText('Outdated: samples 48 → 32. Analyse measures again.');
    for (const title of ['Blocks', 'Similarity of hidden states', 'Where runs break', 'Intervals']) {
      await expect(panel(page, title)).toContainText('Outdated (samples 48 → 32).');
    }
    await samples.fill('48');
    await expect(marked).toHaveCount(0);
  },
);

testOnOnePage('a run of two blocks is not said to have let its only difference fall', async ({ page }) => {
  const reading = panel(page, 'Where runs break');
  // Block 0 of the sample: Δ(0, 2) is above Δ(0, 1), and both values are there to check it.
  await expect(reading).toContainText(
    /From block 0, Δ\(0, 2\) = (\S+) is already above Δ\(0, 1\) = (?!\1)\S+: blocks 0 and 1 are one run\./,
  );
});

testOnOnePage('a forward time comes with the spread of its runs', async ({ page }) => {
  await dragBlocks(page, 3, 9);
  await expect(planLine(page, 'Forward time')).toContainText(/→ \d/, { timeout: 60_000 });
  await expect(panel(page, 'Plan')).toContainText(/On WASM, half of the runs: [\d.]+–[\d.]+ ms → [\d.]+–[\d.]+ ms/, {
    timeout: 60_000,
  });
});

test('from too few samples nothing is detected, and every panel says how many are enough', async ({ page }) => {
  await open(page, '/?inputs=shapes-8-4-1');
  await analyse(page);
  const few =
    /No intervals are detected: text has \d+ of 192 fitted and \d+ of 96 held-out tokens that width 96 needs\. About \d+ samples instead of 8 are enough\./;
  for (const title of ['Blocks', 'Similarity of hidden states', 'Where runs break', 'Intervals']) {
    await expect(panel(page, title)).toContainText(few);
  }
  await expect(brackets(page)).toHaveCount(0);
  await panel(page, 'Where runs break').getByRole('radio', { name: 'Image', exact: true }).check();
  await expect(brackets(page).first()).toBeVisible();

  const split = panel(page, 'Calibration').getByText('Held out: 2 of 8 prompts, 2 of 8 samples.');
  await split.click();
  await expect(panel(page, 'Calibration').getByRole('row').nth(1)).toContainText('0.125');
});
