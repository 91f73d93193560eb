/** Every way to choose intervals and to take it back, on one finished analysis. */
import type { Page } from '@playwright/test';
import {
  blockOption,
  brackets,
  brushDiagonal,
  cellSpot,
  dragBlocks,
  dragEdge,
  expect,
  expectChosen,
  heatmap,
  intervalIn,
  planLine,
  testOnOnePage as test,
  testAnalysed,
} from './contigua.ts';

const BLOCKS = 16;

test('clicking a detected bracket chooses it, clicking again lets it go', async ({ page }) => {
  const bracket = brackets(page).first();
  const { first, last } = intervalIn(await bracket.getAttribute('aria-label'));
  await bracket.click();
  await expect(bracket).toHaveAttribute('aria-pressed', 'true');
  await expectChosen(page, [[first, last]]);
  await expect(planLine(page, 'Blocks')).toContainText(`16 → ${BLOCKS - (last - first)}`);
  await bracket.click();
  await expect(bracket).toHaveAttribute('aria-pressed', 'false');
  await expectChosen(page, []);
});

test('dragging over cells chooses them in either direction; a click on a chosen one lets it go', async ({ page }) => {
  await dragBlocks(page, 3, 5);
  await expectChosen(page, [[3, 5]]);
  await dragBlocks(page, 11, 9);
  await expectChosen(page, [
    [3, 5],
    [9, 11],
  ]);
  await blockOption(page, 4).click();
  await expectChosen(page, [[9, 11]]);
});

test('Escape gives a drag up: nothing is chosen or moved when the pointer is let go', async ({ page }) => {
  await dragBlocks(page, 9, 11);
  const middle = async (name: string, role: 'option' | 'slider') => {
    const box = await page.getByRole(role, { name, exact: true }).boundingBox();
    if (!box) throw new Error(`${name} has no box`);
    return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  };
  const giveUp = async (from: { x: number; y: number }, to: { x: number; y: number }) => {
    await page.mouse.move(from.x, from.y);
    await page.mouse.down();
    await page.mouse.move(to.x, to.y, { steps: 6 });
    await page.keyboard.press('Escape');
    await page.mouse.up();
    await expectChosen(page, [[9, 11]]);
  };
  await giveUp(await middle('Block 3', 'option'), await middle('Block 5', 'option'));
  await giveUp(await middle('Last block of interval 9 to 11', 'slider'), await middle('Block 14', 'option'));
  const map = heatmap(page, 'image');
  await giveUp(await cellSpot(map, 3, 3, BLOCKS), await cellSpot(map, 5, 5, BLOCKS));
  // And the next gesture is a gesture again.
  await dragBlocks(page, 3, 5);
  await expectChosen(page, [
    [3, 5],
    [9, 11],
  ]);
});

test('overlaps are impossible: a new interval takes its blocks from the old ones', async ({ page }) => {
  await dragBlocks(page, 2, 6);
  await dragBlocks(page, 8, 10);
  await dragBlocks(page, 5, 9);
  await expectChosen(page, [
    [2, 4],
    [5, 9],
  ]);
});

test('brushing the diagonal of a heatmap chooses the run under it', async ({ page }) => {
  await brushDiagonal(page, heatmap(page, 'image'), 6, 8, BLOCKS);
  await expectChosen(page, [[6, 8]]);
  await brushDiagonal(page, heatmap(page, 'text'), 13, 11, BLOCKS);
  await expectChosen(page, [
    [6, 8],
    [11, 13],
  ]);
  // A click without a drag is a look, not a choice.
  const { x, y } = await cellSpot(heatmap(page, 'image'), 1, 3, BLOCKS);
  await page.mouse.click(x, y);
  await expectChosen(page, [
    [6, 8],
    [11, 13],
  ]);
});

testAnalysed('the keyboard alone chooses, extends, lets go and clears', async ({ page }) => {
  await tabTo(page, 'Block 0');
  await press(page, 'ArrowRight', 3);
  await expect(blockOption(page, 3)).toBeFocused();
  await press(page, 'Shift+ArrowRight', 2);
  await page.keyboard.press('Enter');
  await expectChosen(page, [[3, 5]]);

  await press(page, 'ArrowRight', 4);
  await press(page, 'Shift+ArrowLeft', 1);
  await page.keyboard.press('Escape');
  await page.keyboard.press('End');
  await press(page, 'Shift+ArrowLeft', 1);
  await page.keyboard.press('Enter');
  await expectChosen(page, [
    [3, 5],
    [14, 15],
  ]);
  await page.keyboard.press('Delete');
  await expectChosen(page, [[3, 5]]);
  await page.keyboard.press('Home');
  await press(page, 'ArrowRight', 4);
  await page.keyboard.press('Enter');
  await expectChosen(page, []);
});

test('Enter on a block takes the detected interval that it lies in', async ({ page }) => {
  const { first, last } = intervalIn(await brackets(page).first().getAttribute('aria-label'));
  await blockOption(page, last).focus();
  await page.keyboard.press('Enter');
  await expectChosen(page, [[first, last]]);
});

test('the keyboard chooses on a heatmap too', async ({ page }) => {
  const map = heatmap(page, 'image');
  await map.focus();
  await press(page, 'ArrowRight', 2);
  await press(page, 'ArrowDown', 2);
  await press(page, 'Shift+ArrowRight', 2);
  await page.keyboard.press('Enter');
  await expectChosen(page, [[2, 4]]);
});

test('edges are dragged, or moved with the arrow keys, and stop at their neighbours', async ({ page }) => {
  await dragBlocks(page, 3, 5);
  await dragBlocks(page, 9, 11);
  await dragEdge(page, 'Last block of interval 3 to 5', 7);
  await expectChosen(page, [
    [3, 7],
    [9, 11],
  ]);
  await dragEdge(page, 'First block of interval 9 to 11', 5);
  await expectChosen(page, [
    [3, 7],
    [8, 11],
  ]);
  await dragEdge(page, 'First block of interval 3 to 7', 12);
  await expectChosen(page, [
    [6, 7],
    [8, 11],
  ]);
  const edge = page.getByRole('slider', { name: 'Last block of interval 8 to 11', exact: true });
  await edge.focus();
  await page.keyboard.press('ArrowRight');
  await expectChosen(page, [
    [6, 7],
    [8, 12],
  ]);
});

testAnalysed(
  'undo and redo walk through the choices, by button and by key, one gesture at a time',
  async ({ page }) => {
    const undo = page.getByRole('button', { name: 'Undo', exact: true });
    const redo = page.getByRole('button', { name: 'Redo', exact: true });
    await expect(undo).toBeDisabled();
    await dragBlocks(page, 3, 5);
    await dragBlocks(page, 9, 11);
    await dragEdge(page, 'Last block of interval 3 to 5', 7);
    await undo.click();
    await expectChosen(page, [
      [3, 5],
      [9, 11],
    ]);
    await page.keyboard.press('Control+z');
    await expectChosen(page, [[3, 5]]);
    await page.keyboard.press('Control+Shift+Z');
    await redo.click();
    await expectChosen(page, [
      [3, 7],
      [9, 11],
    ]);
    await expect(redo).toBeDisabled();
    await page.getByRole('button', { name: 'Clear', exact: true }).click();
    await expectChosen(page, []);
    await undo.click();
    await expectChosen(page, [
      [3, 7],
      [9, 11],
    ]);
  },
);

testAnalysed('one slider takes N blocks in the order of predicted damage, and one button clears', async ({ page }) => {
  const slider = page.getByRole('slider', { name: 'Remove N blocks' });
  const most = Number(await slider.getAttribute('max'));
  expect(most).toBeGreaterThan(3);
  // By a score that every report has: what the page measures meanwhile does not change the order.
  await page.getByRole('combobox', { name: 'Rank by' }).selectOption('cka');
  // Ranked rows: the first ones are the first to be taken.
  const rows = page.getByRole('switch', { name: /^Take out interval / });
  const { first, last } = intervalIn(await rows.first().getAttribute('aria-label'));
  await slider.fill(String(last - first));
  await expectChosen(page, [[first, last]]);
  await slider.fill('3');
  await expect(slider).toHaveAttribute('aria-valuetext', 'Remove 3 blocks');
  await expect(planLine(page, 'Blocks')).toContainText('16 → 13');
  await slider.fill(String(most));
  await expect(planLine(page, 'Blocks')).toContainText(`16 → ${BLOCKS - most}`);
  await expect(page.getByRole('switch', { name: /^Take out interval /, checked: false })).toHaveCount(0);
  await page.getByRole('button', { name: 'Clear', exact: true }).click();
  await expectChosen(page, []);
  await expect(planLine(page, 'Blocks')).toContainText('16 → 16');
});

testAnalysed(
  'as many blocks can go by the intervals of least predicted damage, detected or not, and undone',
  async ({ page }) => {
    testAnalysed.slow();
    const slider = page.getByRole('slider', { name: 'Remove N blocks' });
    const score = 'output error, linear, early steps';
    const heading = 'error, linear, early';
    const best = page.getByRole('button', { name: `Minimise ${heading}` });
    const total = page.getByTitle(`${score}, added up over the chosen intervals`);
    // Until the page has measured every short interval, similarity stands in for it.
    await expect(page.getByRole('button', { name: 'Minimise 1 − surrogate CKA' }).or(best)).toBeVisible();
    await expect(best).toBeVisible({ timeout: 240_000 });
    const sum = async () => Number.parseFloat((await total.textContent())?.replace('total ', '') ?? '');
    await expect(best).toBeDisabled();
    await slider.fill('8');
    const switches = page.getByRole('switch', { name: /^Take out interval /, checked: true });
    const taken = async () => (await switches.evaluateAll((all) => all.map((one) => one.ariaLabel))).sort();
    const ranked = await taken();
    const before = await sum();
    await best.click();
    await expect(planLine(page, 'Blocks')).toContainText('16 → 8');
    expect(await taken()).not.toEqual(ranked);
    await expect(page.getByText(`of least ${heading}`)).toBeVisible();
    // What the button names is what falls.
    expect(await sum()).toBeLessThan(before);
    await page.getByRole('button', { name: 'Undo' }).click();
    expect(await taken()).toEqual(ranked);
  },
);

testAnalysed('intervals are ranked by similarity, and by any other score when asked', async ({ page }) => {
  await page.getByRole('combobox', { name: 'Rank by' }).selectOption('cka');
  const column = (index: number) =>
    page
      .getByRole('region', { name: 'Intervals by predicted damage' })
      .getByRole('row')
      .filter({ has: page.getByRole('switch') })
      .evaluateAll(
        (rows, index) =>
          rows.map((row) => {
            const text = row.querySelectorAll('td')[index]?.textContent ?? '';
            // Near one a similarity says what is missing: "1 − 2.1e−4".
            const [number = '', missing] = text.replaceAll('−', '-').split(' - ');
            return Number.parseFloat(number) - (missing === undefined ? 0 : Number.parseFloat(missing));
          }),
        index,
      );
  const table = page.getByRole('region', { name: 'Intervals by predicted damage' }).getByRole('table');
  await expect(table.getByRole('columnheader', { name: 'surrogate CKA' })).toHaveAttribute('aria-sort', 'descending');
  await expect(table.getByTitle(/^95 % of resamples: image \S+ \(\S+ to \S+\), text /).first()).toBeVisible();
  const similarities = await column(1);
  expect(similarities.length).toBeGreaterThan(1);
  expect(similarities).toEqual(similarities.toSorted((a, b) => b - a));
  await page.getByRole('combobox', { name: 'Rank by' }).selectOption('removed');
  await expect(table.getByRole('columnheader').nth(2)).toHaveAttribute('aria-sort', 'ascending');
  const damages = await column(2);
  expect(damages).toEqual(damages.toSorted((a, b) => a - b));
  const sureness = table.getByRole('columnheader', { name: 'found in' });
  await sureness.getByRole('button').click();
  await expect(sureness).toHaveAttribute('aria-sort', 'descending');
  const shares = await column(3);
  expect(new Set(shares).size).toBeGreaterThan(1);
  expect(shares).toEqual(shares.toSorted((a, b) => b - a));
  await sureness.getByRole('button').click();
  await expect.poll(() => column(2)).toEqual(damages);
});

testAnalysed('the slider’s choice follows the ranking; a choice of one’s own stays', async ({ page }) => {
  const slider = page.getByRole('slider', { name: 'Remove N blocks' });
  const rank = page.getByRole('combobox', { name: 'Rank by' });
  await rank.selectOption('cka');
  const switches = page.getByRole('switch', { name: /^Take out interval / });
  const first = async () => intervalIn(await switches.first().getAttribute('aria-label'));
  await slider.fill('1');
  const bySimilarity = await first();
  await rank.selectOption('direction');
  await expect.poll(first).not.toEqual(bySimilarity);
  const byDirection = await first();
  await expectChosen(page, [[byDirection.first, byDirection.first + 1]]);
  await expect(page.getByText('your own choice')).toHaveCount(0);

  await page.getByRole('button', { name: 'Clear', exact: true }).click();
  await dragBlocks(page, 3, 5);
  await rank.selectOption('cka');
  await expectChosen(page, [[3, 5]]);
  await expect(page.getByText('your own choice')).toBeVisible();
});

async function press(page: Page, key: string, times: number): Promise<void> {
  for (let i = 0; i < times; i++) await page.keyboard.press(key);
}

/** Walks with Tab, as somebody without a pointer would, until the named option has the focus. */
async function tabTo(page: Page, name: string): Promise<void> {
  for (let presses = 0; presses < 40; presses++) {
    const focused = await page.evaluate(() => document.activeElement?.getAttribute('aria-label'));
    if (focused === name) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`Tab never reached ${name}`);
}
