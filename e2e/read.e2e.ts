/** Reading the charts: one hover for all of them, exact values, both estimators, any start block. */
import type { Page } from '@playwright/test';
import {
  blockOption,
  cellSpot,
  csvRows,
  downloadBy,
  expect,
  heatmap,
  panel,
  testOnOnePage as test,
  testAnalysed,
  textOf,
} from './contigua.ts';

const BLOCKS = 16;

test('a block under the pointer lights up in every chart', async ({ page }) => {
  await blockOption(page, 6).hover();
  await expect(blockOption(page, 6)).toHaveAttribute('data-lit', 'true');
  const similarity = panel(page, 'Similarity of hidden states');
  await expect(similarity.getByText(/^Block 6 · state CKA /)).toHaveCount(2);
  await expect(panel(page, 'Where runs break').getByText('u = 0, k = 6')).toBeVisible();

  const spot = await cellSpot(heatmap(page, 'text'), 9, 4, BLOCKS);
  await page.mouse.move(spot.x, spot.y);
  await expect(
    similarity.getByText(/^Blocks 4 and 9 · state CKA −?\d\.\d{4} \(95 % of resamples: \S+.* to .+\)$/),
  ).toHaveCount(2);
  await expect(blockOption(page, 4)).toHaveAttribute('data-lit', 'true');
  await expect(blockOption(page, 9)).toHaveAttribute('data-lit', 'true');
  await expect(blockOption(page, 6)).toHaveAttribute('data-lit', 'false');

  await page.mouse.move(0, 0);
  await expect(blockOption(page, 9)).toHaveAttribute('data-lit', 'false');

  // The same block of the surrogate, each stream with its bounds.
  await blockOption(page, 9).hover();
  await expect(panel(page, 'Where runs break')).toContainText(/k = 9.*image \d\.\d+ \(\S+ to \S+\), text \d/);
});

test('the estimator switch changes the values, the captions and the detection together', async ({ page }) => {
  const similarity = panel(page, 'Similarity of hidden states');
  // Fewer text tokens than image tokens, so the biased estimator is inflated where it shows.
  const debiased = await pairValue(page, 'text');
  await similarity.getByRole('radio', { name: 'Biased', exact: true }).check();
  await expect(similarity).toContainText('State CKA between blocks: linear, biased, n = 768 image');
  const biased = await pairValue(page, 'text');
  expect(biased).toBeGreaterThan(debiased);
  await expect(page).toHaveURL(/[?&]cka=biased/);
  await similarity.getByRole('radio', { name: 'Debiased', exact: true }).check();
  expect(await pairValue(page, 'text')).toBe(debiased);
});

testAnalysed('trajectories start where the user points, and the break is marked and said', async ({ page }) => {
  const runs = panel(page, 'Where runs break');
  const start = page.getByRole('slider', { name: 'Start block' });
  await expect(start).toHaveAttribute('aria-valuenow', '0');
  await start.focus();
  for (let i = 0; i < 4; i++) await page.keyboard.press('ArrowRight');
  await expect(start).toHaveAttribute('aria-valuenow', '4');
  await expect(runs).toContainText(/From block 4.*Δ\(4, \d+\) = −?\d/);
  await expect(page).toHaveURL(/[?&]u=4/);

  // By pointer: where block 9 stands, at the height of the curves.
  const { x } = (await blockOption(page, 9).boundingBox()) ?? { x: 0 };
  const handle = await start.boundingBox();
  // Above the foot of the charts, over which a notice may lie.
  await page.mouse.click(x + 5, (handle?.y ?? 0) - 240);
  await expect(start).toHaveAttribute('aria-valuenow', '9');

  const words = (await start.getAttribute('aria-valuetext')) ?? '';
  const [, after] = /^Block 9, break after block (\d+), Δ rises from \S+ to \S+/.exec(words) ?? [];
  if (after === undefined) expect(words).toBe('Block 9, no break');
  else await expect(runs.getByText(new RegExp(`^break after( block)? ${after}( ·|$)`))).toHaveCount(1);
});

test('a detected interval that is focused shows what ended it, and so does a start that is pointed at', async ({
  page,
}) => {
  const runs = panel(page, 'Where runs break');
  const second = page.getByRole('button', { name: /^Detected interval / }).nth(1);
  const [, first] = /interval (\d+) to/.exec((await second.getAttribute('aria-label')) ?? '') ?? [];
  await second.focus();
  await expect(runs.getByText(`u = ${first}`, { exact: true })).toBeVisible();
  await expect(runs.getByText(`Δ(${first}, k)`, { exact: true })).toBeVisible();
  await second.blur();
  await expect(runs.getByText('Δ(0, k)', { exact: true })).toBeVisible();

  const start = page.getByRole('slider', { name: 'Start block' });
  // The row of starts is at the foot of the window, over which a passing notice may lie.
  await expect(page.getByRole('button', { name: 'Dismiss' })).toHaveCount(0, { timeout: 30_000 });
  await start.scrollIntoViewIfNeeded();
  const slider = await start.boundingBox();
  const { x } = (await blockOption(page, 9).boundingBox()) ?? { x: 0 };
  await page.mouse.move(x + 5, (slider?.y ?? 0) + 5);
  await expect(runs.getByText('u = 9', { exact: true })).toBeVisible();
  await expect(start).toHaveAttribute('aria-valuenow', '0');
});

test('a block says what was found about it, to screen readers too', async ({ page }) => {
  await blockOption(page, 6).focus();
  await expect(panel(page, 'Blocks')).toContainText(/Block 6 · Probe R², held out: .* the interval \[\d+, \d+\]/);
  await expect(blockOption(page, 6)).toHaveAttribute('aria-description', /Probe R², held out: /);
});

testAnalysed('detection settings and the deciding stream redraw the brackets at once', async ({ page }) => {
  const runs = panel(page, 'Where runs break');
  for (const stream of ['Image', 'Text', 'Mean']) {
    await runs.getByRole('radio', { name: stream, exact: true }).check();
    await expect(page.getByRole('button', { name: /^Detected interval / }).first()).toBeVisible();
  }
  await runs.getByRole('button', { name: 'Detection settings' }).click();
  await page.getByRole('combobox', { name: 'Tokens' }).selectOption({ label: 'all' });
  await expect(page).toHaveURL(/[?&]rows=all/);
  for (const title of ['Blocks', 'Similarity of hidden states', 'Where runs break', 'Intervals']) {
    await expect(panel(page, title)).toContainText('Over all tokens, those that the probes were fitted on included');
  }
  await page.getByRole('combobox', { name: 'Block u' }).selectOption({ label: 'is a probe too' });
  await expect(page).toHaveURL(/[?&]start=probe-u/);
});

test('what the table of a heatmap says is what its cells say', async ({ page }) => {
  const shown = await pairValue(page, 'image');
  await panel(page, 'Similarity of hidden states').getByRole('button', { name: 'Download similarity' }).click();
  const file = await downloadBy(page, () => page.getByRole('button', { name: 'Image stream as CSV' }).click());
  const row = csvRows(await textOf(file)).find(([i, j]) => i === '2' && j === '7');
  expect(Number(row?.[2])).toBeCloseTo(shown, 4);
});

/** CKA between blocks 2 and 7, as the readout under the stream's heatmap gives it. */
async function pairValue(page: Page, stream: 'image' | 'text'): Promise<number> {
  const map = heatmap(page, stream);
  const spot = await cellSpot(map, 7, 2, BLOCKS);
  await page.mouse.move(spot.x, spot.y);
  const readout = map.locator('xpath=..').getByText(/^Blocks 2 and 7 · state CKA/);
  const text = (await readout.textContent()) ?? '';
  return Number(/CKA (−?[\d.]+)/.exec(text)?.[1]?.replace('−', '-'));
}

test('what is measured on demand says how many measurements it takes, and how long', async ({ page }) => {
  const measure = panel(page, 'Scores').getByRole('button', { name: /^Measure every interval of 2 to 5 blocks \(\d+/ });
  await expect(measure).toHaveAttribute('title', /^About \d[\d.]* (s|min|h) of forward passes$/);
});

test('in a narrow window the plan comes after the charts and before the scores; in a wide one beside them', async ({
  page,
}) => {
  const topOf = async (title: string) => (await panel(page, title).boundingBox())?.y ?? Number.NaN;
  for (const width of [390, 1024]) {
    await page.setViewportSize({ width, height: 900 });
    expect(await topOf('Plan')).toBeGreaterThan(await topOf('Where runs break'));
    expect(await topOf('Scores')).toBeGreaterThan(await topOf('Plan'));
  }
  await page.setViewportSize({ width: 1280, height: 900 });
  expect(await topOf('Plan')).toBeCloseTo(await topOf('Blocks'), 0);
  expect(await topOf('Scores')).toBeGreaterThan(await topOf('Where runs break'));
});
