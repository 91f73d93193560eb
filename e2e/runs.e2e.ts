/**
 * Distillation as a user lives it, on the real backend: from a plan to a run, its training live, students switched off
 * and on, what was tried, and what can be taken away. One run is trained once and the journeys follow each other on it.
 */
import { parseRunPlan } from '../lib/core/plan/index.ts';
import { expect, panel, test } from './contigua.ts';
import {
  bar,
  expectNoSidewaysScroll,
  expectNothingSerious,
  hostIsUp,
  interval,
  MEASURING_MS,
  openDistil,
  points,
  result,
  runIsDone,
  startRun,
  student,
  TRAINING_MS,
} from './runs.ts';

test.describe.configure({ mode: 'serial', timeout: MEASURING_MS + 60_000 });

test.beforeAll(({ request }) => hostIsUp(request));

let run = '';

test('the dialog says what a run will take before it starts', async ({ page }) => {
  await page.goto('/runs');
  await expect(panel(page, 'Runs').getByRole('table').or(page.getByText('No run yet'))).toBeVisible();
  await expectNothingSerious(page);
  const dialog = await openDistil(page, { cut: '3-4.9-10', steps: 12 });
  const estimate = dialog.getByRole('region', { name: 'Estimate' });
  await expect(estimate).toHaveAttribute('aria-busy', 'false', { timeout: 180_000 });
  for (const name of ['Time', 'Memory', 'Disk']) await expect(estimate.getByText(name, { exact: true })).toBeVisible();
  await expect(estimate).toContainText(/\d/);
  await expectNothingSerious(page);
  await page.keyboard.press('Escape');
  await expect(dialog).toHaveCount(0);
  await expect(page.getByRole('button', { name: 'Distil', exact: true })).toBeFocused();
});

test('a plan becomes a run that is followed live, survives a reload, pauses, goes on and ends', async ({ page }) => {
  run = await startRun(page, { cut: '3-4.9-10', steps: 12, name: 'First run' });
  await expect(page).toHaveTitle('First run · Contigua');
  const first = interval(page, 3, 4);
  await expect(first.getByText(/^Step \d+/)).toBeVisible({ timeout: TRAINING_MS });
  await page.reload();
  await expect(first.getByText(/^Step \d+/)).toBeVisible();
  await expect(first.getByText('block 3').first()).toBeVisible({ timeout: TRAINING_MS });

  await page.getByRole('button', { name: 'Pause', exact: true }).click();
  await expect(panel(page, 'Run').getByText('Paused')).toBeVisible({ timeout: 60_000 });
  await page.getByRole('button', { name: 'Resume', exact: true }).click();
  await expect(page.getByRole('button', { name: 'Resume', exact: true })).toHaveCount(0, { timeout: 60_000 });

  await runIsDone(page, 2);
  for (const [u, v] of [
    [3, 4],
    [9, 10],
  ] as const) {
    const job = interval(page, u, v);
    await expect(bar(job)).toHaveAttribute('aria-valuenow', '100');
    await expect(job.getByText('student').first()).toBeVisible();
    await expect(panel(page, 'Held-out errors').getByRole('rowheader', { name: `${u}–${v} at step 12` })).toBeVisible();
  }
});

test('students are switched off and on: sizes follow at once, pictures and facts when they are measured', async ({
  page,
}) => {
  await page.goto(`/runs/${run}`);
  await expect(student(page, 3, 4)).toHaveAttribute('aria-checked', 'true');
  await expect(result(page, 'Blocks')).toContainText('14');
  // By keyboard, as with the mouse.
  await student(page, 3, 4).focus();
  await page.keyboard.press('Space');
  await expect(result(page, 'Blocks')).toContainText('15');
  await expect(page).toHaveURL(/plug=9-10/);
  await page.getByRole('button', { name: 'All', exact: true }).click();
  await expect(result(page, 'Blocks')).toContainText('14');
  await expect(page).not.toHaveURL(/plug=/);

  await expect(panel(page, 'Plug and play')).toContainText('Measured on 32 pictures', { timeout: MEASURING_MS });
  await expect(result(page, 'Facts held')).toContainText(/\d of \d/);
  await expect(
    panel(page, 'Pictures')
      .getByRole('img', { name: /^Plugged: / })
      .first(),
  ).toBeVisible();
  await expect(points(page).filter({ hasText: '' })).not.toHaveCount(0);
});

test('every tried subset is a point that plugs it in again', async ({ page }) => {
  await page.goto(`/runs/${run}`);
  const teacher = page.getByRole('button', { name: /^Plug in the teacher: / });
  await expect(teacher).toBeVisible({ timeout: MEASURING_MS });
  await expect.poll(() => points(page).count(), { timeout: MEASURING_MS }).toBeGreaterThanOrEqual(2);
  await teacher.click();
  await expect(result(page, 'Blocks')).toContainText('16');
  await expect(student(page, 9, 10)).toHaveAttribute('aria-checked', 'false');
  await expect(teacher).toHaveAttribute('aria-pressed', 'true');
  // Measured before: no waiting.
  await expect(panel(page, 'Plug and play')).toContainText('Measured on 32 pictures');
  // The arrow keys walk from the largest to the smaller ones, Enter plugs in.
  await page.keyboard.press('Home');
  await page.keyboard.press('Enter');
  await expect(result(page, 'Blocks')).toContainText(/1[45]/);
  await page.reload();
  await expect(result(page, 'Blocks')).toContainText(/1[45]/);
});

test('the student model, single students, the plan and every table can be taken away', async ({ page, request }) => {
  await page.goto(`/runs/${run}`);
  await page.getByRole('button', { name: 'Download', exact: true }).click();
  const menu = page.getByRole('dialog', { name: 'Download', exact: true });
  const addressOf = async (name: string) => (await menu.getByRole('link', { name }).getAttribute('href')) ?? '';

  const zip = await addressOf('Student model');
  const whole = await request.get(zip);
  expect(whole.status()).toBe(200);
  const bytes = await whole.body();
  expect(bytes.subarray(0, 2).toString()).toBe('PK');
  expect(bytes.includes('diffusion_pytorch_model.safetensors')).toBe(true);
  // A download that broke off goes on where it was.
  const rest = await request.get(zip, { headers: { Range: 'bytes=1000-' } });
  expect(rest.status()).toBe(206);
  expect((await rest.body()).equals(bytes.subarray(1000))).toBe(true);

  // It says what the run did, whatever the plan was made with.
  const plan = parseRunPlan(await (await request.get(await addressOf('Plan'))).text(), 'plan.json');
  expect(plan.edits.map(({ by }) => by)).toEqual(['student', 'student']);
  expect((await request.get(await addressOf('Curves and errors'))).status()).toBe(200);
  const student34 = await (await request.get(await addressOf('Interval 3 to 4'))).body();
  expect(Number(student34.readBigUInt64LE(0))).toBeLessThan(student34.length);

  const download = page.waitForEvent('download');
  await menu.getByRole('link', { name: 'Student model' }).click();
  expect((await download).suggestedFilename()).toMatch(/\.zip$/);
  await page.keyboard.press('Escape');

  await page.getByRole('button', { name: 'Download training figures' }).click();
  for (const [name, kind, extension] of [
    ['Loss curves', 'SVG', 'svg'],
    ['Loss curves', 'CSV', 'csv'],
    ['Held-out errors', 'PNG', 'png'],
    ['Held-out errors', 'CSV', 'csv'],
  ] as const) {
    const file = page.waitForEvent('download');
    await page.getByRole('button', { name: `${name} as ${kind}`, exact: true }).click();
    expect((await file).suggestedFilename()).toMatch(new RegExp(`shapes-mmdit.*\\.${extension}$`));
  }
});

test('one interval is added to the finished run and trained alone', async ({ page }) => {
  await page.goto(`/runs/${run}`);
  const origin =
    (await interval(page, 3, 4)
      .getByText(/started from block 3/)
      .textContent()) ?? '';
  await page.getByRole('button', { name: 'Add interval' }).click();
  const form = page.getByRole('dialog', { name: 'Add interval' });
  await form.getByLabel('First block').fill('10');
  await form.getByLabel('Last block').fill('11');
  await expect(form).toContainText('It shares blocks with 9–10.');
  await form.getByLabel('First block').fill('11');
  await form.getByLabel('Last block').fill('12');
  await form.getByRole('button', { name: 'Add and train' }).click();
  await expect(interval(page, 11, 12)).toBeVisible();
  await runIsDone(page, 3);
  // The others were not begun again.
  await expect(interval(page, 3, 4).getByText(/started from block 3/)).toHaveText(origin);
});

test('runs are compared over each other, with the settings in which they differ', async ({ page }) => {
  const second = await startRun(page, { cut: '3-4', steps: 6, seed: 5, name: 'Second run' });
  await runIsDone(page, 1);
  await page.goto('/runs');
  for (const name of ['First run', 'Second run']) await page.getByRole('checkbox', { name: `Compare ${name}` }).check();
  await expect(page).toHaveURL(new RegExp(`compare=.*${second}`));
  const comparison = panel(page, 'Comparison');
  await expect(comparison.getByRole('row', { name: /^Seed/ })).toContainText('5');
  await expect(comparison.getByRole('row', { name: /^Steps/ })).toContainText('12');
  await expect(comparison.getByRole('row', { name: /^Loss/ })).toHaveCount(0);
  await expect(comparison.getByText(/^Step \d+/).first()).toBeVisible();
  await page.reload();
  await expect(comparison.getByRole('row', { name: /^Seed/ })).toContainText('5');
  await expectNothingSerious(page);
});

for (const colorScheme of ['light', 'dark'] as const) {
  for (const viewport of [
    { width: 1440, height: 900 },
    { width: 768, height: 1024 },
  ]) {
    test(`a finished run at ${viewport.width} px in ${colorScheme} has nothing serious`, async ({ page }) => {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.setViewportSize(viewport);
      await page.goto(`/runs/${run}`);
      await expect(student(page, 3, 4)).toBeVisible();
      await expect(interval(page, 3, 4).getByText(/^Step \d+/)).toBeVisible();
      await expectNothingSerious(page);
      await expectNoSidewaysScroll(page);
      await page.getByRole('button', { name: /^Server: / }).click();
      await expect(page.getByRole('dialog', { name: 'Server' })).toContainText('PGlite');
      await expectNothingSerious(page);
    });
  }
}

test('a deleted run is gone, and its address says so', async ({ page }) => {
  await page.goto(`/runs/${run}`);
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await page.getByRole('button', { name: 'Keep it' }).click();
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await page.getByRole('button', { name: 'Delete run' }).click();
  await page.waitForURL(/\/runs$/);
  await expect(page.getByRole('link', { name: 'Second run' })).toBeVisible();
  await expect(page.getByRole('link', { name: 'First run' })).toHaveCount(0);
});

test.describe('an address of no run', () => {
  test.use({ tolerated: [/404/] });
  test('is said to be none', async ({ page }) => {
    await page.goto(`/runs/${run}`);
    await expect(page.getByRole('link', { name: 'All runs' })).toBeVisible();
    await expectNothingSerious(page);
  });
});
