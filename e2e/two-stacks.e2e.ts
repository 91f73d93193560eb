/** A model of two stacks: its seam is seen on every block axis, and no gesture makes an interval that crosses it. */
import { basename } from 'node:path';
import type { Page } from '@playwright/test';
import {
  analyse,
  blockOption,
  brushDiagonal,
  csvRows,
  detectedIntervals,
  downloadBy,
  dragBlocks,
  dragEdge,
  expect,
  expectChosen,
  fact,
  heatmap,
  open,
  panel,
  pick,
  test,
  textOf,
} from './contigua.ts';
import { transformerFiles, writeFolder } from './model-folder.ts';

const SEAM = 5;
const BLOCKS = 12;
const REASON = 'Blocks 4 and 5 are of different stacks: no block of one can stand for a block of the other.';
const NOT_READ = 'n/a: nothing reads the text after the last block';

test('two stacks are one axis with a seam that no interval crosses', async ({ page }) => {
  await openFlux(page);
  const strip = panel(page, 'Blocks');
  await expect(strip.getByText('dual-stream blocks 0–4')).toBeVisible();
  await expect(strip.getByText('single-stream blocks 0–6')).toBeVisible();
  await blockOption(page, 7).hover();
  await expect(strip.getByText('Block 7 (single-stream 2)')).toBeVisible();

  // The part of a drag behind the seam is refused while it lasts; the rest is chosen.
  await dragBlocks(page, 2, 8);
  await expect(strip.getByRole('status').filter({ hasText: REASON })).toBeVisible();
  await expectChosen(page, [[2, 4]]);
  await dragEdge(page, 'Last block of interval 2 to 4', 9);
  await expectChosen(page, [[2, 4]]);
  await brushDiagonal(page, heatmap(page, 'image'), 8, 3, BLOCKS);
  await expectChosen(page, [
    [2, 4],
    [5, 8],
  ]);
  await page.getByRole('button', { name: 'Clear', exact: true }).click();

  // A drag that is let go of with Escape chooses nothing.
  await blockOption(page, 6).hover();
  await page.mouse.down();
  await blockOption(page, 9).hover();
  await page.keyboard.press('Escape');
  await page.mouse.up();
  await expectChosen(page, []);
});

test('the keyboard stops at the seam and says so', async ({ page }) => {
  await openFlux(page);
  const status = panel(page, 'Blocks').getByRole('status');
  await blockOption(page, 0).focus();
  for (let block = 0; block < 3; block++) await page.keyboard.press('ArrowRight');
  for (let step = 0; step < 4; step++) await page.keyboard.press('Shift+ArrowRight');
  await expect(blockOption(page, SEAM - 1)).toBeFocused();
  await expect(status.filter({ hasText: REASON })).toBeVisible();
  await page.keyboard.press('Enter');
  await expectChosen(page, [[3, 4]]);

  await page.getByRole('slider', { name: 'Last block of interval 3 to 4' }).press('ArrowRight');
  await expect(status.filter({ hasText: REASON })).toBeVisible();
  await expectChosen(page, [[3, 4]]);

  await blockOption(page, SEAM - 1).focus();
  await page.keyboard.press('ArrowRight');
  await expect(blockOption(page, SEAM)).toBeFocused();
  await expect(status.filter({ hasText: 'Past the seam: block 0 of the single-stream blocks.' })).toHaveCount(1);
});

test('a stream that the last block does not update has no value there, with the reason', async ({ page }) => {
  await openFlux(page);
  await page.getByRole('textbox', { name: 'Samples' }).fill('8');
  await analyse(page);
  for (const { first, last } of await detectedIntervals(page)) expect(first >= SEAM || last < SEAM).toBe(true);
  await blockOption(page, BLOCKS - 1).hover();
  await expect(panel(page, 'Blocks').getByText('text n/a (nothing reads the text after the last block)')).toBeVisible();
  await expect(panel(page, 'Similarity of hidden states').getByText(NOT_READ)).toBeVisible();
  await expect(panel(page, 'Where runs break').getByText(`text ${NOT_READ}`)).toBeVisible();

  await page.getByRole('button', { name: 'Download blocks', exact: true }).click();
  const save = async (file: string) =>
    await textOf(await downloadBy(page, () => page.getByRole('button', { name: file, exact: true }).click()));
  const [header, ...rows] = csvRows(await save('Blocks as CSV'));
  expect(header?.slice(0, 3)).toEqual(['block', 'stack', 'block_in_stack']);
  expect(rows[SEAM]?.slice(0, 3)).toEqual(['5', 'single-stream blocks', '0']);
  const figure = await save('Blocks as SVG');
  expect(figure).toContain('Stacks: dual-stream blocks 0–4 (here 0–4), single-stream blocks 0–6 (here 5–11)');
  expect(figure.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ')).toContain(
    'Hatched: n/a, nothing reads the text after the last block.',
  );
});

async function openFlux(page: Page): Promise<void> {
  const folder = await writeFolder(
    'two-stacks',
    await transformerFiles({ flux: { dual: SEAM, single: BLOCKS - SEAM } }),
  );
  await open(page);
  await pick(page, () => page.getByRole('button', { name: 'Open folder', exact: true }).click(), folder);
  await expect(panel(page, 'Model').getByText(basename(folder), { exact: true })).toBeVisible();
  await expect(fact(page, 'Blocks')).toHaveText(`${BLOCKS} = ${SEAM} dual + ${BLOCKS - SEAM} single`);
}
