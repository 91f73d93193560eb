/** Plans under a budget: the front, the best plan, rules for blocks on the strip, what a link keeps, and comparing plans. */
import type { Page } from '@playwright/test';
import {
  blockOption,
  chosenIntervals,
  downloadBy,
  dragBlocks,
  expect,
  expectChosen,
  open,
  panel,
  pick,
  planLine,
  testAnalysed as test,
  textOf,
} from './contigua.ts';

const DRAWN_MS = 60_000;

const plans = (page: Page) => panel(page, 'Plans');
const points = (page: Page) =>
  plans(page)
    .getByRole('group', { name: /smallest first$/ })
    .getByRole('button');
const limit = (page: Page) => plans(page).getByRole('textbox', { name: 'At most' });

test('the front is drawn, every point can be chosen with mouse and keyboard, and the best plan within a budget', async ({
  page,
}) => {
  // Sixteen blocks alike: one best plan for each number of blocks that is worth its damage, and last the whole model.
  await expect.poll(() => points(page).count()).toBeGreaterThan(10);
  const fourOut = (await points(page).count()) - 5;
  await points(page).nth(fourOut).click();
  await expect(planLine(page, 'Blocks')).toContainText('16 → 12');
  await expect(points(page).nth(fourOut)).toHaveAttribute('aria-pressed', 'true');
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('Enter');
  await expect(planLine(page, 'Blocks')).toContainText('16 → 11');

  // Another one than the choice, which is the best of its own cost.
  await limit(page).fill('80%');
  await expect(plans(page)).toContainText(/Best plan: .* · 4 blocks out, 4\.0[89] M of 5\.42 M parameters \(75 %\)/);
  await plans(page).getByRole('button', { name: 'Choose it' }).click();
  await expect(plans(page).getByRole('button', { name: 'Chosen', exact: true })).toBeDisabled();
  await expect.poll(() => new URL(page.url()).searchParams.get('budget')).toBe('params-80%');

  await limit(page).fill('1%');
  await expect(plans(page).getByRole('alert')).toContainText(
    /No plan meets the budget; found params=1%; expected [\d.]+ [kM] parameters or more/,
  );
  await limit(page).fill('12 apples');
  await expect(plans(page).getByRole('alert')).toContainText('The budget has no such unit');
  await plans(page).getByRole('combobox', { name: 'Budget' }).selectOption('memory');
  await limit(page).fill('60%');
  await plans(page).getByRole('combobox', { name: 'at', exact: true }).selectOption('fp8');
  await expect(plans(page)).toContainText(/Best plan: .* MB of [\d.]+ MB/);
});

test('locked and forbidden blocks are set on the strip, respected by plans and kept in the link', async ({ page }) => {
  const strip = panel(page, 'Blocks');
  await limit(page).fill('40%');
  await strip.getByRole('radio', { name: 'Forbid' }).check();
  await dragBlocks(page, 14, 15);
  await expectChosen(page, []);
  await expect(blockOption(page, 15)).toHaveAttribute('aria-description', /^forbidden in plans/);
  await strip.getByRole('radio', { name: 'Choose' }).check();
  await blockOption(page, 4).focus();
  await page.keyboard.press('l');
  await expect(blockOption(page, 4)).toHaveAttribute('aria-description', /^locked for plans/);
  await expect.poll(() => new URL(page.url()).searchParams.get('lock')).toBe('4');
  await plans(page).getByRole('button', { name: 'Choose it' }).click();
  const chosen = await chosenIntervals(page);
  expect(chosen.length).toBeGreaterThan(0);
  expect(chosen.some(({ first, last }) => last >= 14 || (first < 4 && last >= 4))).toBe(false);

  await open(page, page.url());
  await expect(blockOption(page, 4)).toHaveAttribute('aria-description', /^locked for plans/);
  await expect(blockOption(page, 14)).toHaveAttribute('aria-description', /^forbidden in plans/);
  await strip.getByRole('button', { name: 'Free 3 blocks' }).click();
  await expect(blockOption(page, 4)).not.toHaveAttribute('aria-description', /locked/);
});

test('what is chosen stays in every plan, and a lock that contradicts it is told', async ({ page }) => {
  await dragBlocks(page, 1, 3);
  await plans(page).getByRole('switch', { name: 'Keep what is chosen in every plan' }).click();
  await expect(plans(page)).toContainText('Keeps 1–3');
  await points(page).nth(3).click();
  await expect
    .poll(async () => (await chosenIntervals(page)).some(({ first, last }) => first === 1 && last === 3))
    .toBe(true);
  await blockOption(page, 2).focus();
  await page.keyboard.press('l');
  await expect(plans(page).getByRole('alert')).toContainText(
    'A lock contradicts the choice; found 1-3 by nothing is chosen, and block 2 is locked',
  );
  await page.keyboard.press('l');
  await expect(plans(page).getByRole('alert')).toHaveCount(0);
});

test('two plans stand side by side, with what differs between them', async ({ page }) => {
  await dragBlocks(page, 3, 5);
  await plans(page).getByRole('button', { name: 'Hold to compare' }).click();
  await dragBlocks(page, 8, 10);
  const compared = page.getByRole('table', { name: 'Two plans compared' });
  await expect(compared.getByRole('row', { name: /^Edits/ })).toContainText('3–5');
  await expect(compared.getByRole('row', { name: /^Only here/ })).toContainText('8–10');
  await expect(compared.getByRole('row', { name: /^Parameters/ })).toContainText('4.09 M4.76 M');
  const pictures = page.getByRole('region', { name: 'Pictures of the compared plans' });
  await pictures.getByRole('button', { name: 'Draw pictures' }).click();
  for (const whose of ['whole model', 'present plan', 'held plan']) {
    const picture = pictures.getByRole('img', {
      name: new RegExp(`^Picture of the ${whose}, \\d+ of \\d+ facts hold$`),
    });
    await expect(picture).toBeVisible({ timeout: DRAWN_MS });
  }
  await expect(pictures.getByRole('button', { name: 'Drawn' })).toBeDisabled();
  const facts = pictures.getByRole('table', { name: 'What the checker reads in the pictures of the compared plans' });
  await expect(facts.getByRole('columnheader')).toHaveText(['Fact', 'Whole', 'Now', 'Held']);
  await expect(facts.getByRole('row', { name: /^background: white/ }).getByRole('cell')).toHaveCount(3);
  // Another plan beside the held one: only its picture is missing.
  await dragBlocks(page, 12, 13);
  await expect(pictures.getByRole('img', { name: /^Picture of the present plan/ })).toHaveCount(0);
  await expect(pictures.getByRole('img', { name: /^Picture of the held plan/ })).toBeVisible();
  await expect(pictures.getByRole('button', { name: 'Draw pictures' })).toBeEnabled();
  await plans(page).getByRole('button', { name: 'Stop comparing' }).click();
  await expect(compared).toHaveCount(0);
});

test('what the terminal measured of a plan is a point of the chart once the plan is loaded', async ({ page }) => {
  await dragBlocks(page, 11, 12);
  const file = await downloadBy(page, () => page.getByRole('button', { name: 'Download plan', exact: true }).click());
  const plan = JSON.parse(await textOf(file));
  await page.getByRole('button', { name: 'Clear', exact: true }).click();
  await expectChosen(page, []);
  const bounds = { low: 0.1, high: 0.2 };
  plan.choice = { estimatedError: 0.1, ...plan.choice, outputError: 0.1234, outputErrorBounds: bounds, facts: null };
  const buffer = Buffer.from(JSON.stringify(plan));
  await pick(page, () => page.getByRole('button', { name: 'Load plan', exact: true }).click(), {
    name: 'measured.json',
    mimeType: 'application/json',
    buffer,
  });
  await expectChosen(page, [[11, 12]]);
  await expect(page.getByRole('status').filter({ hasText: 'measured.json loaded' })).toContainText(
    'Its measured output error, 12 %, is a point of Plans.',
  );
  const measured = points(page).and(page.getByRole('button', { name: /^Choose 11–12: .*, output error 12 % / }));
  await expect(measured).toHaveCount(1);
  await expect(measured).toHaveAttribute('aria-pressed', 'true');
});
