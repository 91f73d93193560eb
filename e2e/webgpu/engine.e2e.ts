/** WebGPU on Chromium's software adapter: correct and slow, so it is offered, never preferred, and given tiny work. */
import type { Page } from '@playwright/test';
import { alerts, analyse, blockOption, expect, expectChosen, heatmap, open, panel, pick, test } from '../contigua.ts';
import { calibrationFile, transformerFiles, writeFolder } from '../model-folder.ts';

const ENGINE_MS = 120_000;

test('WebGPU is named with its adapter, computes the reference numbers and analyses a tiny model', async ({ page }) => {
  await open(page);
  await expect(engine(page)).toHaveAccessibleName(/^Engine: WASM/);
  await takeWebgpu(page);
  const about = page.getByRole('dialog', { name: 'Engine' });
  await expect(about.getByRole('listitem').filter({ hasText: 'WebGPU' })).toContainText('A software adapter');
  const check = about.getByText(/^Checked against the reference: max error/);
  await expect(check).toBeVisible({ timeout: ENGINE_MS });
  const [, error] = /max error (\S+) /.exec((await check.textContent()) ?? '') ?? [];
  expect(Number(error)).toBeLessThan(2e-4);
  await page.keyboard.press('Escape');

  const folder = await writeFolder('transformer', await transformerFiles({ blocks: 2 }));
  await pick(page, () => page.getByRole('button', { name: 'Open folder', exact: true }).click(), folder);
  await expect(blockOption(page, 2)).toHaveCount(0, { timeout: ENGINE_MS });
  await page.getByRole('combobox', { name: 'Inputs' }).selectOption('file');
  await pick(page, () => page.getByRole('button', { name: 'Pick calibration.safetensors' }).click(), {
    name: 'calibration.safetensors',
    mimeType: 'application/octet-stream',
    buffer: Buffer.from(calibrationFile(8)),
  });
  await analyse(page);
  await expect(panel(page, 'Calibration').getByText(/^Took .+ on WebGPU$/)).toBeVisible();
  await expect(panel(page, 'Similarity of hidden states')).toContainText('n = 32 image and 12 text tokens, held out');
  await heatmap(page, 'image').focus();
  await page.keyboard.press('ArrowRight');
  await expect(
    panel(page, 'Similarity of hidden states')
      .getByText(/^Blocks 0 and 1 · state CKA/)
      .first(),
  ).toHaveText(/state CKA (0\.\d{4}|1 − \S+)/);
});

test('a lost device is said, nothing on the page goes, and the engine starts again', async ({ page }) => {
  await open(page, '/?cut=3-5');
  // The worker's own device, to be taken away from it as a driver reset would.
  const [worker] = page.workers();
  await worker?.evaluate(() => {
    const request = GPUAdapter.prototype.requestDevice;
    GPUAdapter.prototype.requestDevice = async function (...asked) {
      const device = await request.apply(this, asked);
      Reflect.set(globalThis, 'deviceUnderTest', device);
      return device;
    };
  });
  await takeWebgpu(page);
  await expect(page.getByRole('dialog', { name: 'Engine' }).getByText(/^Checked against/)).toBeVisible({
    timeout: ENGINE_MS,
  });
  await page.keyboard.press('Escape');
  await worker?.evaluate(() => Reflect.get(globalThis, 'deviceUnderTest').destroy());

  const alert = alerts(page);
  await expect(alert).toHaveAttribute('data-code', 'engine-lost');
  await expect(alert).toContainText('The engine stopped');
  await expect(engine(page)).toHaveAccessibleName('Engine: lost');
  await expectChosen(page, [[3, 5]]);
  await alert.getByRole('button', { name: 'Restart engine' }).click();
  await expect(engine(page)).toHaveAccessibleName(/^Engine: WebGPU/, { timeout: ENGINE_MS });
  await expect(page.getByRole('button', { name: 'Analyse', exact: true })).toBeEnabled({ timeout: ENGINE_MS });
  await expectChosen(page, [[3, 5]]);
});

const engine = (page: Page) => page.getByRole('button', { name: /^Engine: / });

async function takeWebgpu(page: Page): Promise<void> {
  await engine(page).click();
  await page.getByRole('button', { name: 'Use WebGPU' }).click();
  await expect(engine(page)).toHaveAccessibleName(/^Engine: WebGPU · \S/, { timeout: ENGINE_MS });
}
