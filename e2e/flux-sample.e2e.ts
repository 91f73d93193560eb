/** The second bundled sample, a FLUX.1 model of two stacks, in a short form of the first one's journeys. */
import type { Page } from '@playwright/test';
import { z } from 'zod';
import { parseRunPlan } from '../lib/core/plan/index.ts';
import { SAMPLES } from '../lib/page/explorer/samples.ts';
import {
  ANALYSIS_MS,
  alerts,
  analyse,
  brackets,
  detectedIntervals,
  downloadBy,
  expect,
  fact,
  intervalIn,
  open,
  panel,
  planLine,
  QUICK,
  test,
  textOf,
} from './contigua.ts';
import { hostIsUp, interval, result, runIsDone, startRun, student, TRAINING_MS } from './runs.ts';

const SEAM = 8;
const DIGITS = SAMPLES.find(({ name }) => name === 'shapes-flux')?.digits ?? '';
/** The engine check comes first, and takes long on a busy machine. */
const OPENING_MS = 120_000;
/** Two pictures of 20 steps on one thread of a busy machine. */
const DRAWING_MS = 180_000;
const config = z.object({ num_layers: z.number(), num_single_layers: z.number(), guidance_embeds: z.boolean() });

test('the FLUX.1 sample is opened, analysed, cut, drawn and taken away', async ({ page }) => {
  test.setTimeout(OPENING_MS + ANALYSIS_MS + 2 * DRAWING_MS);
  await openSample(page);
  await expect(fact(page, 'Family')).toHaveText('flux');
  await expect(fact(page, 'Blocks')).toHaveText('24 = 8 dual + 16 single');
  await analyse(page);
  for (const { first, last } of await detectedIntervals(page)) expect(first < SEAM && last >= SEAM).toBe(false);

  const { first, last } = intervalIn(await brackets(page).last().getAttribute('aria-label'));
  await brackets(page).last().click();
  await expect(planLine(page, 'Blocks')).toContainText(String(24 - (last - first)));

  const plan = parseRunPlan(await textOf(await downloadBy(page, () => download(page, 'Download plan'))), 'plan.json');
  expect(plan.model).toMatchObject({ name: 'shapes-flux', family: 'flux', numBlocks: 24 });
  expect(plan.model.stacks.map((stack) => stack.first)).toEqual([0, SEAM]);
  expect(plan.edits).toMatchObject([{ first, last, by: 'nothing' }]);

  const preview = panel(page, 'Preview');
  await preview
    .getByRole('textbox', { name: 'Prompt' })
    .fill('large red circle top-left, small blue square bottom-right, white');
  await preview.getByRole('button', { name: 'Draw', exact: true }).click();
  for (const which of ['Whole', 'Pruned']) {
    const picture = preview.getByRole('img', { name: new RegExp(`^${which} model's picture`) });
    await expect(picture).toBeVisible({ timeout: DRAWING_MS });
  }
  await expect(alerts(page)).toHaveCount(0);
});

test('its link opens it again with the choice, and its config says what stays of each stack', async ({ page }) => {
  test.setTimeout(2 * OPENING_MS + 60_000);
  await openSample(page);
  // The address follows the page a moment later.
  await expect(page).toHaveURL(new RegExp(`[?&]model=${DIGITS}`));
  await page.goto(`${page.url()}&cut=2-3.10-13`);
  await expect(fact(page, 'Family')).toHaveText('flux', { timeout: OPENING_MS });
  await expect(planLine(page, 'Blocks')).toContainText('20');
  const file = await downloadBy(page, () => download(page, 'Download config'));
  expect(config.parse(JSON.parse(await textOf(file)))).toEqual({
    num_layers: 7,
    num_single_layers: 13,
    guidance_embeds: true,
  });
});

test('one interval of each stack and narrower blocks are distilled, plugged in, and taken away as a smaller model', async ({
  page,
  request,
}) => {
  test.setTimeout(2 * TRAINING_MS + 120_000);
  await hostIsUp(request);
  await startRun(page, { model: DIGITS, cut: '2-3.10-12.f1-image.f1-text.t4-6', steps: 4, name: 'Both stacks' });
  await runIsDone(page, 5, 2 * TRAINING_MS);
  for (const name of ['Feed-forward 1, image', 'Feed-forward 1, text', 'Text group 4 to 6']) {
    const job = panel(page, 'Intervals').getByRole('listitem', { name, exact: true });
    await expect(job.getByRole('progressbar')).toHaveAttribute('aria-valuenow', '100');
    await expect(job.getByRole('alert')).toHaveCount(0);
    await expect(page.getByRole('switch', { name: `Plug in ${name}`, exact: true })).toBeChecked();
  }
  await expect(interval(page, 2, 3).getByText(/started from block 2/)).toBeVisible();
  await expect(interval(page, 10, 12).getByText(/started from block 10/)).toBeVisible();
  for (const [first, last] of [
    [2, 3],
    [10, 12],
  ] as const) {
    await expect(student(page, first, last)).toHaveAttribute('aria-checked', 'true');
  }
  await expect(result(page, 'Blocks')).toContainText('21');
  await student(page, 2, 3).click();
  await expect(result(page, 'Blocks')).toContainText('22');
  await page.getByRole('button', { name: 'All', exact: true }).click();

  await page.getByRole('button', { name: 'Download', exact: true }).click();
  const menu = page.getByRole('dialog', { name: 'Download', exact: true });
  // No class of diffusers reads narrower blocks of this family.
  await expect(menu).toContainText(/Contigua alone/);
  const address = (await menu.getByRole('link', { name: 'Student model' }).getAttribute('href')) ?? '';
  const model = await (await request.get(address)).body();
  expect(model.subarray(0, 2).toString()).toBe('PK');
  // The files of the folder lie in it as they are, without compression.
  const text = model.toString('latin1');
  expect(text).toMatch(/"num_layers": 7,/);
  expect(text).toMatch(/"num_single_layers": 14,/);
  expect(text).toContain('diffusion_pytorch_model.safetensors');
});

async function openSample(page: Page): Promise<void> {
  await open(page, `/?${QUICK}`);
  await page.getByLabel('Sample', { exact: true }).selectOption('shapes-flux');
  await expect(fact(page, 'Family')).toHaveText('flux', { timeout: OPENING_MS });
}

async function download(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name, exact: true }).click();
}
