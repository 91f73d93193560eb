/**
 * Narrower blocks on the page: text groups by mouse and by keyboard, feed-forward layers, a rank of shared modulations, what was measured of them,
 * plans that hold all kinds, the link and the plan that they travel in, and the reason where a family has none.
 */
import type { Page } from '@playwright/test';
import { editKey } from '../lib/core/edit/index.ts';
import { parsePlan } from '../lib/core/plan/index.ts';
import {
  ANALYSIS_MS,
  alerts,
  downloadBy,
  dragBlocks,
  dragText,
  expect,
  expectChosen,
  ffnOption,
  open,
  panel,
  planLine,
  test,
  testAnalysed,
  textOf,
  textOption,
} from './contigua.ts';

const narrower = (page: Page) => panel(page, 'Narrower blocks');
const modulation = (page: Page) => panel(page, 'Shared modulation');
const cut = (page: Page) => new URL(page.url()).searchParams.get('cut');
const expectCut = (page: Page, expected: string | null) => expect.poll(() => cut(page)).toBe(expected);

testAnalysed('text groups are drawn, proposed and edited by mouse', async ({ page }) => {
  await dragText(page, 8, 10);
  await expectCut(page, 't8-10');
  for (const block of [8, 9, 10]) await expect(textOption(page, block)).toHaveAttribute('aria-selected', 'true');
  await expect(textOption(page, 11)).toHaveAttribute('aria-selected', 'false');
  // No block goes.
  await expect(planLine(page, 'Blocks')).toContainText('16 → 16');
  await expect(planLine(page, 'Parameters')).toContainText(/5\.42 → [45]\.\d+ M/);
  await expectChosen(page, []);
  // One edge, as of an interval.
  const handle = page.getByRole('slider', { name: 'Last block of text group 8 to 10', exact: true });
  const [from, to] = [(await handle.boundingBox())!, (await textOption(page, 12).boundingBox())!];
  await page.mouse.move(from.x + from.width / 2, from.y + from.height / 2);
  await page.mouse.down();
  await page.mouse.move(to.x + to.width / 2, to.y + to.height / 2, { steps: 6 });
  await page.mouse.up();
  await expectCut(page, 't8-12');
  await page.keyboard.press('Control+z');
  await expectCut(page, 't8-10');
  await page.keyboard.press('Control+z');
  await expectCut(page, null);
  // A proposed one by its bracket; hovered, the strip says what is known of it.
  const bracket = page.getByRole('button', { name: /^Proposed text group / }).first();
  await bracket.hover();
  await expect(panel(page, 'Blocks')).toContainText(/Text group \d+–\d+: block \d+ updates the text.*Not measured yet/);
  await bracket.click();
  await expect(bracket).toHaveAttribute('aria-pressed', 'true');
});

testAnalysed(
  'text groups and feed-forward layers are chosen by keyboard, and what clashes is refused',
  async ({ page }) => {
    await textOption(page, 4).focus();
    await page.keyboard.press('Shift+ArrowRight');
    await page.keyboard.press('Shift+ArrowRight');
    await expect(panel(page, 'Blocks')).toContainText('Blocks 4 to 6: block 4 updates the text');
    await page.keyboard.press('Enter');
    await expectCut(page, 't4-6');

    await ffnOption(page, 0, 'image').focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press(' ');
    await expectCut(page, 'f1-image.f2-image.t4-6');
    await page.keyboard.press('Delete');
    await expectCut(page, 'f1-image.t4-6');
    // The group leaves its later blocks no text layers; a click there says so and changes nothing.
    await expect(ffnOption(page, 5, 'text')).toHaveAttribute('aria-disabled', 'true');
    await ffnOption(page, 5, 'text').click({ force: true });
    await expect(panel(page, 'Blocks')).toContainText(
      'FFN of block 5, text stream: the text group 4-6 removes the block’s text layers.',
    );
    await expectCut(page, 'f1-image.t4-6');

    // A run over the edge of the group.
    await dragBlocks(page, 2, 4);
    await expect(alerts(page).first()).toContainText(/The text group 4-6 and the run 2-4 clash/);
    await expectCut(page, 'f1-image.t4-6');
    // Inside it, blocks may go, and their layers with them.
    await dragBlocks(page, 0, 1);
    await expectCut(page, '0-1.t4-6');
    await expect(alerts(page)).toHaveCount(0);

    await textOption(page, 5).focus();
    await page.keyboard.press('Delete');
    await expectCut(page, '0-1');
  },
);

testAnalysed('what each leaves is measured on request, listed, sorted and taken by least error', async ({ page }) => {
  testAnalysed.setTimeout(4 * ANALYSIS_MS);
  await narrower(page)
    .getByRole('button', { name: /^Measure proposed \(\d+\)$/ })
    .click();
  await expect(narrower(page).getByRole('button', { name: 'Measured proposed' })).toBeDisabled({
    timeout: ANALYSIS_MS,
  });
  const table = narrower(page).getByRole('table');
  const outputs = async () =>
    (await table.getByRole('row').locator('td:nth-child(3)').allTextContents()).map((text) => Number.parseFloat(text));
  const measured = await outputs();
  expect(measured.length).toBeGreaterThan(1);
  expect(measured).toEqual([...measured].sort((a, b) => a - b));
  await table.getByRole('button', { name: /^output error/ }).click();
  expect(await outputs()).toEqual(measured.toReversed());
  await narrower(page).getByRole('combobox', { name: 'Text groups of least output error' }).selectOption('1');
  await expect.poll(() => cut(page)).toMatch(/^t\d+-\d+$/);
  await expect(narrower(page).getByRole('switch', { name: /^Text group/, checked: true })).toHaveCount(1);

  await narrower(page).getByRole('radio', { name: 'FFNs' }).check();
  await narrower(page)
    .getByRole('button', { name: /^Measure every FFN \(\d+\)$/ })
    .click();
  await expect(narrower(page).getByRole('button', { name: 'Measured every FFN' })).toBeDisabled({
    timeout: 2 * ANALYSIS_MS,
  });
  await narrower(page)
    .getByRole('combobox', { name: 'Blocks with linear FFNs of least output error' })
    .selectOption('2');
  await expect.poll(() => cut(page)?.match(/f\d+-(image|text)/g)?.length).toBe(4);
  // Beside them, what taking all layers of a block out costs.
  const takenOut = async () =>
    (await table.getByRole('row').locator('td:nth-child(4)').allTextContents()).map((text) => Number.parseFloat(text));
  expect((await takenOut()).every(Number.isNaN)).toBe(true);
  await narrower(page)
    .getByRole('button', { name: /^Measure FFN and attention taken out \(\d+/ })
    .click();
  await expect(narrower(page).getByRole('button', { name: 'Measured FFN and attention taken out' })).toBeDisabled({
    timeout: 2 * ANALYSIS_MS,
  });
  await table.getByRole('button', { name: /^taken out/ }).click();
  const ablated = await takenOut();
  expect(ablated).toEqual([...ablated].sort((a, b) => a - b));
  expect(new Set(ablated).size).toBeGreaterThan(8);
  await ffnOption(page, 3, 'image').hover();
  await expect(panel(page, 'Blocks')).toContainText(
    /FFN of block 3, image stream, as one linear map\. Alone: output error [\d.]+ %( \([\d.–]+ %\))?, fit error [\d.]+ %/,
  );

  // The whole choice is measured by itself, and is told beside the estimate.
  await expect(planLine(page, 'Output error')).toContainText(/^Output error[\d.]+ %[\d.]+–[\d.]+ %$/, {
    timeout: ANALYSIS_MS,
  });
  // The report keeps what was measured.
  const address = page.url();
  await open(page, address);
  await narrower(page).getByRole('radio', { name: 'FFNs' }).check();
  await expect(narrower(page).getByRole('button', { name: 'Measured every FFN' })).toBeDisabled();
});

testAnalysed(
  'a rank is found from the weights and chosen, and the mixed choice travels in link and plan',
  async ({ page }) => {
    testAnalysed.setTimeout(4 * ANALYSIS_MS);
    await dragBlocks(page, 2, 3);
    await dragText(page, 8, 10);
    await ffnOption(page, 5, 'image').click();
    await modulation(page).getByRole('switch', { name: 'Share the modulation of all blocks' }).click();
    await expectCut(page, 'm8.2-3.f5-image.t8-10');
    await modulation(page).getByRole('textbox', { name: 'Rank' }).fill('4');
    await expectCut(page, 'm4.2-3.f5-image.t8-10');
    await modulation(page).getByRole('textbox', { name: 'Rank' }).fill('97');
    await expect(modulation(page).getByRole('alert')).toContainText('1 to 96');
    await modulation(page).getByRole('radio', { name: 'Table' }).check();
    await expect(modulation(page)).toContainText('A table of 20 timesteps (1, ', { timeout: ANALYSIS_MS });
    await modulation(page).getByRole('textbox', { name: 'Steps' }).fill('4');
    await expect(modulation(page)).toContainText(
      'A table of 4 timesteps (1, 0.75, 0.5, 0.25): exact at these, none at others.',
    );
    await expectCut(page, 'x1_75e-2_5e-1_25e-2.2-3.f5-image.t8-10');
    await expect(planLine(page, 'Output error')).toContainText('not measured of a table');
    await modulation(page).getByRole('radio', { name: 'Rank' }).check();
    await modulation(page).getByRole('textbox', { name: 'Rank' }).fill('8');
    await modulation(page).getByRole('button', { name: 'Find errors by rank' }).click();
    await expect(modulation(page)).toContainText(
      /Rank 8: 0\.\d+ % error of the modulations, saves 1\.\d+ M parameters/,
      {
        timeout: ANALYSIS_MS,
      },
    );
    await expect(modulation(page)).toContainText(/Output error at rank 4: [\d.]+ %/, { timeout: ANALYSIS_MS });
    // Above the ranks that leave anything: nothing is left of the error, and the plan says so.
    await modulation(page).getByRole('textbox', { name: 'Rank' }).fill('96');
    await expect(modulation(page)).toContainText(/Rank 96: 0(\.0+)? % error of the modulations/);
    const whole = await downloadBy(page, () =>
      page.getByRole('button', { name: 'Download plan', exact: true }).click(),
    );
    const { edits } = parsePlan(await textOf(whole), 'plan.json');
    expect(edits[0]).toMatchObject({ by: { rank: 96 }, fitError: expect.closeTo(0, 6) });
    await modulation(page).getByRole('textbox', { name: 'Rank' }).fill('8');
    await expect(planLine(page, 'Output error')).toContainText(/^Output error[\d.]+ %/, { timeout: ANALYSIS_MS });
    await expect(panel(page, 'Plan')).toContainText(/contigua export MODEL\s*--plan plan\.json/);

    const file = await downloadBy(page, () => page.getByRole('button', { name: 'Download plan', exact: true }).click());
    const plan = parsePlan(await textOf(file), 'plan.json');
    expect(plan.version).toBe(3);
    expect(plan.edits.map(editKey)).toEqual(['modulation rank 8', '2-3 nothing', '5 image ffn', '8-10 text']);
    expect(plan.edits[0]).toMatchObject({ fitError: expect.closeTo(0.006, 2) });
    expect(plan.choice?.outputError).toBeGreaterThan(0);
    expect(plan.parameters.after).toBeLessThan(0.65 * plan.parameters.before);

    await open(page, page.url());
    await expect(ffnOption(page, 5, 'image')).toHaveAttribute('aria-selected', 'true');
    await expect(textOption(page, 9)).toHaveAttribute('aria-selected', 'true');
    await expect(modulation(page).getByRole('textbox', { name: 'Rank' })).toHaveValue('8');
    await expectChosen(page, [[2, 3]]);

    // The plan brings the choice back.
    await panel(page, 'Narrower blocks').getByRole('button', { name: 'Clear text groups' }).click();
    await expectCut(page, 'm8.2-3.f5-image');
    await page.getByTestId('plan-input').setInputFiles(await file.path());
    await expectCut(page, 'm8.2-3.f5-image.t8-10');
  },
);

testAnalysed('plans hold the kinds that are ticked, and every dot of a mixed front can be chosen', async ({ page }) => {
  testAnalysed.setTimeout(3 * ANALYSIS_MS);
  const plans = panel(page, 'Plans');
  const kind = (name: string) => plans.getByRole('checkbox', { name });
  await kind('Modulation ranks').check();
  await expect(plans).toContainText('Modulation ranks: ranks are not measured yet');
  await kind('Modulation ranks').uncheck();

  await narrower(page)
    .getByRole('button', { name: /^Measure proposed \(\d+\)$/ })
    .click();
  await expect(narrower(page).getByRole('button', { name: 'Measured proposed' })).toBeDisabled({
    timeout: ANALYSIS_MS,
  });
  await kind('Text groups').check();
  await kind('Intervals').uncheck();
  await expect.poll(() => new URL(page.url()).searchParams.get('allow')).toBe('text');
  await plans.getByRole('textbox', { name: 'At most' }).fill('95%');
  await expect(plans).toContainText(/Best plan: text \d+–\d+.* · 0 blocks out, [\d.]+ M of 5\.42 M parameters/);
  const dots = plans.getByRole('group', { name: /smallest first$/ }).getByRole('button');
  expect(await dots.count()).toBeGreaterThan(3);
  await dots.first().click();
  await expect.poll(() => cut(page)).toMatch(/^t\d+-\d+(\.t\d+-\d+)*$/);
  await expect(dots.first()).toHaveAttribute('aria-pressed', 'true');
  // Groups hold the text of nearly all blocks then.
  expect(cut(page)?.split('.').length).toBeGreaterThan(3);

  // Kept, they are in every plan.
  await plans.getByRole('switch', { name: 'Keep what is chosen in every plan' }).click();
  await expect(plans).toContainText('Keeps text ');
});

test('a family whose class has no narrower blocks offers them, says who reads them, and why some have none', async ({
  page,
}) => {
  await open(page);
  await page.getByLabel('Sample', { exact: true }).selectOption('shapes-flux');
  await expect(narrower(page)).toContainText('Contigua alone reads a model of this family with narrower blocks', {
    timeout: ANALYSIS_MS,
  });
  await expect(modulation(page)).toContainText('pooled');
  await dragText(page, 2, 4);
  await ffnOption(page, 5, 'image').click();
  await expect.poll(() => cut(page)).toBe('t2-4.f5-image');
  await expect(panel(page, 'Plan')).toContainText('Contigua alone reads the result; diffusers does not.');
  // Blocks of one sequence.
  await expect(ffnOption(page, 12, 'image')).toHaveAttribute('aria-disabled', 'true');
  const file = await downloadBy(page, () => page.getByRole('button', { name: 'Download config', exact: true }).click());
  expect(JSON.parse(await textOf(file))).toMatchObject({
    linear_feed_forward: { image: [5] },
    held_text: { blocks: [3, 4], end: [4] },
  });
});
