/** Each chosen run says what stands in for it: by itself, with all others, in the address, in the plan and in the picture. */
import type { Locator, Page } from '@playwright/test';
import { parseRunPlan } from '../lib/core/plan/index.ts';
import { downloadBy, dragBlocks, expect, expectChosen, open, panel, pick, planLine, test, textOf } from './contigua.ts';

const replacementOf = (page: Page, first: number, last: number): Locator =>
  page.getByRole('combobox', { name: `Interval ${first} to ${last} replaced by`, exact: true });
const pageWide = (page: Page): Locator =>
  panel(page, 'Preview').getByRole('group', { name: 'Replace chosen blocks by' });

async function downloadedPlan(page: Page) {
  const file = await downloadBy(page, () => page.getByRole('button', { name: 'Download plan', exact: true }).click());
  return parseRunPlan(await textOf(file), 'plan.json');
}

test('a run takes another replacement than the others, by keyboard, and undo gives the former one back', async ({
  page,
}) => {
  await open(page, '/?cut=3-5.9-10');
  await expect(pageWide(page).getByRole('radio', { name: 'Removed' })).toBeChecked();
  const own = replacementOf(page, 9, 10);
  await own.focus();
  await page.keyboard.press('p');
  await expect(own).toHaveValue('probes');
  await expect(replacementOf(page, 3, 5)).toHaveValue('nothing');
  // Neither of the two holds for all.
  await expect(pageWide(page).getByRole('radio', { checked: true })).toHaveCount(0);
  await expect(pageWide(page)).toContainText('mixed');
  await expect(panel(page, 'Plan')).toContainText('2 blocks removed, 1 replaced by probes.');
  await expect(panel(page, 'Plan')).toContainText('Counts 2 linear probes');
  await expect(page).toHaveURL(/[?&]cut=3-5\.9-10p(&|$)/);
  expect((await downloadedPlan(page)).edits.map(({ first, by }) => [first, by])).toEqual([
    [3, 'nothing'],
    [9, 'probes'],
  ]);
  await own.focus();
  await page.keyboard.press('Control+z');
  await expect(own).toHaveValue('nothing');
  await expect(pageWide(page).getByRole('radio', { name: 'Removed' })).toBeChecked();
});

test('the switch of the page changes every run and those to come, and is undone in one step', async ({ page }) => {
  await open(page, '/?cut=3-5.9-10p');
  await pageWide(page).getByRole('radio', { name: 'Probes' }).check();
  await expect(replacementOf(page, 3, 5)).toHaveValue('probes');
  await expect(page).toHaveURL(/[?&]cut=3-5\.9-10&.*by=probes/);
  await page.getByRole('button', { name: 'Undo', exact: true }).click();
  await expect(replacementOf(page, 3, 5)).toHaveValue('nothing');
  await expect(replacementOf(page, 9, 10)).toHaveValue('probes');
  await page.getByRole('button', { name: 'Redo', exact: true }).click();
  await expect(replacementOf(page, 3, 5)).toHaveValue('probes');
  await dragBlocks(page, 12, 13);
  await expect(replacementOf(page, 12, 13)).toHaveValue('probes');
});

test('an address and a plan bring each run’s replacement back', async ({ page }) => {
  await open(page, '/?cut=3-5.9-10p');
  await expect(replacementOf(page, 9, 10)).toHaveValue('probes');
  const plan = await downloadBy(page, () => page.getByRole('button', { name: 'Download plan', exact: true }).click());
  const buffer = Buffer.from(await textOf(plan));
  await page.getByRole('button', { name: 'Clear', exact: true }).click();
  await expectChosen(page, []);
  const file = { name: 'mixed.json', mimeType: 'application/json', buffer };
  await pick(page, () => page.getByRole('button', { name: 'Load plan', exact: true }).click(), file);
  await expect(replacementOf(page, 9, 10)).toHaveValue('probes');
  await expect(replacementOf(page, 3, 5)).toHaveValue('nothing');
});

test('a plan of students is loaded without them, and the page says so', async ({ page }) => {
  await open(page, '/?cut=3-5.9-10p');
  const plan = await downloadedPlan(page);
  const students = { ...plan, edits: plan.edits.map((edit) => ({ ...edit, by: 'student', outputError: null })) };
  await page.getByRole('button', { name: 'Clear', exact: true }).click();
  const file = { name: 'run.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify(students)) };
  await pick(page, () => page.getByRole('button', { name: 'Load plan', exact: true }).click(), file);
  await expect(page.getByRole('status').filter({ hasText: 'run.json loaded' })).toContainText(
    'A plan holds no students: their blocks are just removed here.',
  );
  await expect(replacementOf(page, 9, 10)).toHaveValue('nothing');
  await expect(planLine(page, 'Blocks')).toContainText('16 → 13');
});

test('a prompt that is too long is kept and called so, and nothing is drawn of it', async ({ page }) => {
  await open(page);
  const prompt = panel(page, 'Preview').getByRole('textbox', { name: 'Prompt' });
  await prompt.fill('x'.repeat(470));
  await expect(prompt).toHaveAccessibleDescription('470 of 500 characters');
  await prompt.fill('y'.repeat(501));
  await expect(prompt).toHaveValue('y'.repeat(501));
  await expect(prompt).toHaveAttribute('aria-invalid', 'true');
  await expect(prompt).toHaveAccessibleDescription('501 characters, at most 500');
  await expect(panel(page, 'Preview').getByRole('button', { name: 'Draw', exact: true })).toBeDisabled();
  await prompt.fill('large red circle top-left, white');
  await expect(prompt).toHaveAttribute('aria-invalid', 'false');
  await expect(panel(page, 'Preview').getByRole('button', { name: 'Draw', exact: true })).toBeEnabled();
});
