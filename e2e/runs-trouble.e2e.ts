/** Distillation when things go wrong: the host dies, the server is away, the model is not there. Said, and survived. */
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { alerts, dragBlocks, expect, fact, open, panel, pick, test } from './contigua.ts';
import { calibrationFile, transformerFiles, writeFolder } from './model-folder.ts';
import { bar, hostIsUp, hostPid, interval, openDistil, runIsDone, startRun, TRAINING_MS } from './runs.ts';

const data = process.env.CONTIGUA_DATA;

test.beforeAll(({ request }) => hostIsUp(request));

test.describe('a job host that is killed during a run', () => {
  test.use({ tolerated: [/Failed to load resource/] });
  test.skip(data === undefined, 'needs the data folder of the server that it kills');

  test('is waited for by the page, and the run goes on and ends', async ({ page }) => {
    test.setTimeout(2 * TRAINING_MS);
    await startRun(page, { cut: '3-4', steps: 24 });
    const job = interval(page, 3, 4);
    await expect(job.getByText(/^Step \d+/)).toBeVisible({ timeout: TRAINING_MS });
    process.kill(await hostPid(data ?? ''), 'SIGKILL');
    await expect(panel(page, 'Run').getByRole('status')).toContainText('Connection lost', { timeout: 60_000 });
    // What was read stays.
    await expect(job.getByText(/^Step \d+/)).toBeVisible();
    await expect(panel(page, 'Run').getByText('Live', { exact: true })).toBeVisible({ timeout: 120_000 });
    await runIsDone(page, 1);
    await expect(bar(job)).toHaveAttribute('aria-valuenow', '100');
  });
});

test('a model that the server does not have: the dialog says so and what to do', async ({ page }) => {
  const folder = await writeFolder('transformer', await transformerFiles({ blocks: 4 }));
  await open(page);
  await pick(page, () => page.getByRole('button', { name: 'Open folder' }).click(), folder);
  await expect(fact(page, 'Blocks')).toHaveText('4');
  await dragBlocks(page, 1, 3);
  await page.getByRole('button', { name: 'Distil', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Distil', exact: true });
  await expect(dialog.getByRole('alert')).toContainText('The server does not have this model');
  await expect(dialog).toContainText('contigua distil MODEL --plan plan.json');
  await expect(dialog.getByText(/^sha256:[0-9a-f]{64}$/)).toBeVisible();
  await expect(dialog.getByRole('list', { name: 'Model roots' })).toContainText(/models.*[1-9] models?/);
  const start = dialog.getByRole('button', { name: 'Start distilling' });
  await expect(start).toBeDisabled();

  const root = process.env.E2E_MODELS;
  test.skip(root === undefined, 'a server of someone else’s has its own roots');
  await cp(folder, join(root ?? '', 'copied'), { recursive: true });
  await dialog.getByRole('button', { name: 'Look again' }).click();
  await expect(start).toBeEnabled({ timeout: 60_000 });
  await rm(join(root ?? '', 'copied'), { recursive: true });
});

test.describe('a server that does not answer', () => {
  test.use({ tolerated: [/Failed to load resource/] });

  test('is said to, and is asked again', async ({ page }) => {
    await page.route('**/api/trpc/**', (route) => route.abort());
    await open(page, '/?cut=3-4');
    await page.getByRole('button', { name: 'Distil', exact: true }).click();
    const dialog = page.getByRole('dialog', { name: 'Distil', exact: true });
    await expect(dialog.getByRole('alert')).toContainText('The server cannot be reached');
    await page.unroute('**/api/trpc/**');
    await dialog.getByRole('button', { name: 'Try again' }).click();
    await expect(dialog.getByRole('button', { name: 'Start distilling' })).toBeEnabled({ timeout: 60_000 });
  });

  test('leaves the list of runs saying so until it is back', async ({ page }) => {
    await page.route('**/api/trpc/**', (route) => route.abort());
    await page.goto('/runs');
    await expect(page.getByText('The runs could not be loaded')).toBeVisible();
    await expect(page.getByRole('button', { name: 'Server: not reachable' })).toBeVisible();
    await page.unroute('**/api/trpc/**');
    await expect(page.getByText('The runs could not be loaded')).toHaveCount(0, { timeout: 30_000 });
    await expect(alerts(page)).toHaveCount(0);
  });
});

test.describe('a calibration file for another model', () => {
  test.use({ tolerated: [/status of 400/] });

  test('is refused with the reason', async ({ page }) => {
    const dialog = await openDistil(page, { cut: '3-4', steps: 2 });
    await dialog.getByText('Calibration file', { exact: true }).click();
    await expect(dialog.getByRole('button', { name: 'Start distilling' })).toBeDisabled();
    const send = () => dialog.getByRole('button', { name: 'Send a file to the server' }).click();
    await pick(page, send, {
      name: 'other.safetensors',
      mimeType: 'application/octet-stream',
      buffer: Buffer.from(calibrationFile(4)),
    });
    // Made for another model: its width is not this one's.
    await expect(dialog.getByRole('alert')).toContainText('hidden_states', { timeout: 60_000 });
    await expect(dialog.getByRole('button', { name: 'Start distilling' })).toBeDisabled();
  });
});
