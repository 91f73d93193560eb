/** The first seconds: what the page shows before anybody has pressed anything, and what it took to get there. */
import { gzipSync } from 'node:zlib';
import { brackets, expect, fact, heatmap, open, panel, planLine, test } from './contigua.ts';

const FIRST_LOAD_BYTES = 230_000;

test('the page opens on the sample model with its facts, a prompt and Analyse', async ({ page }) => {
  await open(page);
  await expect(page).toHaveTitle('Contigua');
  await expect(panel(page, 'Model').getByText('shapes-mmdit', { exact: true })).toBeVisible();
  await expect(fact(page, 'Family')).toHaveText('qwen-image');
  await expect(fact(page, 'Blocks')).toHaveText('16');
  await expect(fact(page, 'Width')).toHaveText('96 = 3 heads × 32');
  await expect(fact(page, 'Parameters')).toHaveText('5.42 M');
  await expect(fact(page, 'Stored as')).toHaveText('BF16');
  await expect(fact(page, 'File size')).toHaveText('10.9 MB');
  await expect(page.getByRole('textbox', { name: 'Prompt' })).toHaveValue(/circle/);
  await expect(page.getByRole('option', { name: /^Block \d+$/ })).toHaveCount(16);
  await expect(planLine(page, 'Blocks')).toContainText('16 → 16');
  await expect(page.getByRole('button', { name: 'Download plan' })).toBeDisabled();
  await expect(brackets(page)).toHaveCount(0);
});

test('the engine in use is shown with its threads, the reason and the check against the reference', async ({
  page,
}) => {
  await open(page);
  const engine = page.getByRole('button', { name: /^Engine: / });
  await expect(engine).toHaveAccessibleName(/^Engine: WASM · \d+ threads?, SIMD$/);
  await engine.click();
  const about = page.getByRole('dialog', { name: 'Engine' });
  await expect(about.getByText(/logical cores/).first()).toBeVisible();
  await expect(about.getByText(/^Checked against the reference/)).toBeVisible();
  // What else there is stands beside it, with the reason why it was not taken.
  await expect(about.getByRole('listitem').filter({ hasText: 'WebGPU' })).not.toHaveText('');
  expect(await page.evaluate(() => window.crossOriginIsolated)).toBe(true);
});

test('a later visit takes the kept result of the check, and runs it again when asked to', async ({ page }) => {
  test.skip(process.env.E2E_BASE_URL !== undefined, 'A server of sources that are being edited keeps no result.');
  await open(page);
  await page.getByRole('button', { name: /^Engine: / }).click();
  const about = page.getByRole('dialog', { name: 'Engine' });
  const kept =
    /^Checked against the reference on \d+ \w+ \d{4}, \d\d:\d\d: max error \d\.\de-\d+ \(tolerance 2e-4\)\.$/;
  await expect(about.getByText(kept)).toBeVisible();
  await about.getByRole('button', { name: 'Check again' }).click();
  await expect(about.getByText(/^Checked against the reference: max error/)).toBeVisible({ timeout: 120_000 });
});

test('another engine is taken when asked for by name, and only then', async ({ page }) => {
  await open(page);
  const engine = page.getByRole('button', { name: /^Engine: / });
  await engine.click();
  await page.getByRole('button', { name: 'Use CPU (plain JavaScript)' }).click();
  await expect(engine).toHaveAccessibleName(/^Engine: CPU/, { timeout: 30_000 });
  await expect(page.getByRole('dialog', { name: 'Engine' }).getByText(/^Checked against the reference/)).toBeVisible({
    timeout: 60_000,
  });
  await page.getByRole('button', { name: 'Choose for me' }).click();
  await expect(engine).toHaveAccessibleName(/^Engine: WASM/, { timeout: 30_000 });
});

test('scripts that the page names weigh less than 230 kB gzipped, and TensorFlow.js is in none that it loads', async ({
  page,
  request,
}) => {
  await open(page);
  // What the document asked for, by itself or after the first paint; the worker's scripts are in the worker's own list.
  const urls = await page.evaluate(() =>
    performance
      .getEntriesByType('resource')
      .filter((entry) => 'initiatorType' in entry && ['script', 'link'].includes(String(entry.initiatorType)))
      .map(({ name }) => name)
      .filter((name) => new URL(name).pathname.endsWith('.js')),
  );
  const markup = await (await request.get('/')).text();
  const scripts = await Promise.all(
    urls.map(async (url) => ({ url: new URL(url).pathname, text: await (await request.get(url)).text() })),
  );
  const named = scripts.filter(({ url }) => markup.includes(url));
  expect(named.length).toBeGreaterThan(5);
  const gzipped = named.reduce((sum, { text }) => sum + gzipSync(text).length, 0);
  expect(gzipped, `${named.length} of ${urls.length} scripts`).toBeLessThan(FIRST_LOAD_BYTES);
  expect(scripts.filter(({ text }) => /registerBackend|tfjs-backend/.test(text))).toHaveLength(0);
});

test('every panel has its place before any analysis, so that nothing jumps when data comes', async ({ page }) => {
  await open(page);
  for (const title of ['Blocks', 'Similarity of hidden states', 'Where runs break', 'Plan', 'Intervals', 'Preview']) {
    await expect(panel(page, title)).toBeVisible();
  }
  for (const stream of ['image', 'text'] as const) {
    const box = await heatmap(page, stream).boundingBox();
    expect(box?.width).toBeGreaterThan(200);
    expect(box?.height).toBeCloseTo(box?.width ?? 0, 0);
  }
});

test('every chart says what is being looked at', async ({ page }) => {
  await open(page);
  for (const [about, words] of [
    ['the layer strip', 'held-out R²'],
    ['CKA', 'centered kernel alignment'],
    ['a difference trajectory', 'linear probe'],
    ['an interval', 'counts both ends'],
    ['the plan', 'Before → after'],
  ] as const) {
    await page.getByRole('button', { name: `What is ${about}?` }).click();
    await expect(page.getByRole('dialog', { name: about })).toContainText(words);
    await page.keyboard.press('Escape');
    await expect(page.getByRole('dialog', { name: about })).toBeHidden();
  }
});
