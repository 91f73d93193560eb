/** WebGL on Chromium's software renderer: correct and slow, so it is offered, never preferred, and given tiny work. */
import type { Page } from '@playwright/test';
import { alerts, blockOption, expect, expectChosen, open, panel, pick, test } from '../contigua.ts';
import { calibrationFile, transformerFiles, writeFolder } from '../model-folder.ts';

/** The golden cases compile some hundred shaders, on the processor here. */
const CHECK_MS = 600_000;
const ENGINE_MS = 120_000;

test.describe.configure({ timeout: 2 * CHECK_MS });

test('without a choice, WebGL of a graphics processor is taken once it computes the reference numbers, and analyses a tiny model', async ({
  page,
}) => {
  await open(page);
  await expect(engine(page)).toHaveAccessibleName(/^Engine: WASM/);
  await showAsProcessor(page);
  await chooseForMe(page);
  await expect(engine(page)).toHaveAccessibleName(/^Engine: WebGL · A processor/, { timeout: CHECK_MS });
  const about = page.getByRole('dialog', { name: 'Engine' });
  await expect(about).toContainText('It passed the reference check: off by');
  // The page has its own look at the engine that runs.
  const check = about.getByText(/^Checked against the reference: max error/);
  await expect(check).toBeVisible({ timeout: CHECK_MS });
  const [, error] = /max error (\S+) /.exec((await check.textContent()) ?? '') ?? [];
  expect(Number(error)).toBeLessThan(2e-4);
  await page.keyboard.press('Escape');

  const folder = await writeFolder('transformer', await transformerFiles({ blocks: 2 }));
  await pick(page, () => page.getByRole('button', { name: 'Open folder', exact: true }).click(), folder);
  // What the page measures of the sample when it is idle ends first.
  await expect(blockOption(page, 2)).toHaveCount(0, { timeout: CHECK_MS });
  await page.getByRole('combobox', { name: 'Inputs' }).selectOption('file');
  await pick(page, () => page.getByRole('button', { name: 'Pick calibration.safetensors' }).click(), {
    name: 'calibration.safetensors',
    mimeType: 'application/octet-stream',
    buffer: Buffer.from(calibrationFile(8)),
  });
  const analyse = page.getByRole('button', { name: 'Analyse', exact: true });
  await analyse.click();
  await expect(analyse).toBeEnabled({ timeout: CHECK_MS });
  await expect(panel(page, 'Calibration').getByText(/^Took .+ on WebGL$/)).toBeVisible();
  await expect(panel(page, 'Similarity of hidden states')).toContainText('n = 32 image and 12 text tokens, held out');
});

test('taken by name with its renderer, a lost context is said, nothing on the page goes, and the engine starts again', async ({
  page,
}) => {
  await open(page, '/?cut=3-5');
  await inWorker(page, () => {
    const context: CallableFunction = OffscreenCanvas.prototype.getContext;
    Reflect.set(OffscreenCanvas.prototype, 'getContext', function (this: OffscreenCanvas, ...asked: unknown[]) {
      const gl: unknown = Reflect.apply(context, this, asked);
      Reflect.set(globalThis, 'contextUnderTest', gl);
      return gl;
    });
  });
  await takeWebgl(page);
  const offered = page.getByRole('dialog', { name: 'Engine' }).getByRole('listitem');
  await expect(offered.filter({ hasText: 'WebGL' })).toContainText('A software renderer');
  await page.keyboard.press('Escape');
  // While the golden cases are being computed: what waits for the device must not hang.
  await inWorker(page, () =>
    Reflect.get(globalThis, 'contextUnderTest').getExtension('WEBGL_lose_context').loseContext(),
  );

  const alert = alerts(page);
  await expect(alert).toHaveAttribute('data-code', 'engine-lost');
  await expect(alert).toContainText('The WebGL context was lost');
  await expect(engine(page)).toHaveAccessibleName('Engine: lost');
  await expectChosen(page, [[3, 5]]);
  await alert.getByRole('button', { name: 'Restart engine' }).click();
  await expect(engine(page)).toHaveAccessibleName(/^Engine: WebGL/, { timeout: ENGINE_MS });
  await expect(page.getByRole('button', { name: 'Analyse', exact: true })).toBeEnabled({ timeout: CHECK_MS });
  await expectChosen(page, [[3, 5]]);
});

test('without a choice, WebGL that computes other numbers is passed over, and the page says why', async ({ page }) => {
  await open(page);
  await showAsProcessor(page);
  await inWorker(page, () => {
    const source = WebGL2RenderingContext.prototype.shaderSource;
    // As a driver whose exponential is imprecise.
    WebGL2RenderingContext.prototype.shaderSource = function (shader, text) {
      source.call(this, shader, text.replaceAll('exp(', '1.01 * exp('));
    };
  });
  await chooseForMe(page);
  await expect(engine(page)).toHaveAccessibleName(/^Engine: WASM/, { timeout: CHECK_MS });
  const about = page.getByRole('dialog', { name: 'Engine' });
  await expect(about).toContainText(/Not webgl: It failed the reference check: off by \S+ from the reference/);
  await expect(about.getByRole('button', { name: 'Use WebGL' })).toBeDisabled();
});

const engine = (page: Page) => page.getByRole('button', { name: /^Engine: / });

async function takeWebgl(page: Page): Promise<void> {
  await engine(page).click();
  await page.getByRole('button', { name: 'Use WebGL' }).click();
  await expect(engine(page)).toHaveAccessibleName(/^Engine: WebGL · \S/, { timeout: ENGINE_MS });
}

/** By way of another engine, since the button is there when one was chosen by name. */
async function chooseForMe(page: Page): Promise<void> {
  await engine(page).click();
  await page.getByRole('button', { name: 'Use CPU (plain JavaScript)' }).click();
  await expect(engine(page)).toHaveAccessibleName(/^Engine: CPU/, { timeout: ENGINE_MS });
  await page.getByRole('button', { name: 'Choose for me' }).click();
}

async function inWorker(page: Page, action: () => unknown): Promise<void> {
  const [worker] = page.workers();
  if (!worker) throw new Error('The page has no worker');
  await worker.evaluate(action);
}

/** The software renderer under another name. */
async function showAsProcessor(page: Page): Promise<void> {
  await inWorker(page, () => {
    const parameter = WebGL2RenderingContext.prototype.getParameter;
    WebGL2RenderingContext.prototype.getParameter = function (name) {
      const UNMASKED_RENDERER = 0x9246;
      return name === UNMASKED_RENDERER ? 'ANGLE (Somebody, A processor, 1.0)' : parameter.call(this, name);
    };
    const context: CallableFunction = OffscreenCanvas.prototype.getContext;
    Reflect.set(OffscreenCanvas.prototype, 'getContext', function (this: OffscreenCanvas, kind: string, asked: object) {
      return Reflect.apply(context, this, [kind, { ...asked, failIfMajorPerformanceCaveat: false }]);
    });
  });
}
