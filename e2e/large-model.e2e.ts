/**
 * A model whose states are kept in the browser's storage: estimated, stopped, and continued after a reload with the report of an
 * analysis that nobody stopped; refused where memory or storage is too little. 153 MB in 8 blocks of width 512, on noise.
 */
import type { Browser, Page } from '@playwright/test';
import type { TensorToWrite } from '../lib/core/checkpoint/index.ts';
import { keptText } from '../lib/testing/kept-analysis.ts';
import { traceMainThread } from '../lib/testing/main-thread.ts';
import { alerts, expect, fact, open, panel, test } from './contigua.ts';
import { type Files, transformerFiles, writeFolder } from './model-folder.ts';

const LONG_MS = 300_000;
const SHAPE = { blocks: 8, heads: 8, dtype: 'BF16' } as const;
const SETTINGS = 'inputs=synthetic-16-4-1&limits=t512-s2';
/** A main thread that is busy for longer is felt. */
const LONGEST_TASK_MS = 50;

let files: Files;
test.beforeAll(async () => {
  test.setTimeout(LONG_MS);
  files = await transformerFiles(SHAPE);
});

test('an analysis of a large model is estimated, stopped, and continued after a reload to the same report', async ({
  page,
  browser,
  context,
}) => {
  test.setTimeout(4 * LONG_MS);
  const folder = await writeFolder('wide', files);
  await openLarge(page, folder);
  await page.getByRole('button', { name: 'Estimate', exact: true }).click();
  const estimate = page.getByLabel('Estimate', { exact: true }).and(page.locator('dl'));
  await expect(estimate).toContainText(/Timeabout \d/, { timeout: LONG_MS });
  await expect(estimate).toContainText(/Memory at peak\d.* MB/);
  await expect(estimate).toContainText(/Browser storage\d.* MB/);
  await expect(estimate).toContainText(/Read of the model\d.* MB/);
  await pictures(page, 'estimate');
  // It is one of the settings that it was made for.
  await page.getByRole('textbox', { name: 'Damage samples' }).fill('3');
  await expect(estimate).toHaveCount(0);
  await page.getByRole('textbox', { name: 'Damage samples' }).fill('2');

  const trace = await traceMainThread(page);
  await page.getByRole('button', { name: 'Analyse', exact: true }).click();
  await expect(stage(page, 'Fit linear probes')).toContainText(/[3-8]\/8/, { timeout: LONG_MS });
  await expect(page.getByRole('progressbar', { name: 'Analysis' })).toHaveAttribute('aria-valuetext', /about .+ left$/);
  const longest = await trace.longestTaskMs();
  await pictures(page, 'busy');
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await expect(page.getByRole('status').filter({ hasText: 'Analysis stopped' })).toContainText(
    'What is finished is kept in this browser. Analyse continues from it, also after a reload.',
  );
  await expect(page.getByRole('button', { name: 'Analyse', exact: true })).toBeEnabled({ timeout: LONG_MS });
  await pictures(page, 'stopped');
  const before = await storedStates(page);
  expect(Object.keys(before).length).toBeGreaterThan(4);

  await page.reload();
  await expect(page.getByRole('button', { name: 'Analyse', exact: true })).toBeEnabled({ timeout: LONG_MS });
  await expect(page.getByRole('textbox', { name: 'Tokens / stream' })).toHaveValue('512');
  await openFolder(page, folder);
  await expect(panel(page, 'Calibration')).toContainText(/Interrupted, [3-8] of 8 blocks kept/);
  await pictures(page, 'resumable');
  const resumed = await analysed(page);
  await pictures(page, 'resumed');
  // What was stored is still what it was: nothing of it was computed again.
  const after = await storedStates(page);
  expect(finished(before).filter((name) => after[name] !== before[name])).toEqual([]);
  expect(resumed.settings).toMatchObject({ tokens: 512, damageSamples: 2 });
  await context.close();

  expect(withoutTimes(resumed)).toEqual(withoutTimes(await uninterrupted(browser, folder)));
  test.info().annotations.push({ type: 'longest main-thread task', description: `${longest.toFixed(1)} ms` });
  expect(longest).toBeLessThan(LONGEST_TASK_MS);
});

test('too little memory or storage is refused with the least that would do', async ({ page }) => {
  test.setTimeout(2 * LONG_MS);
  await openLarge(page, await writeFolder('wide', files));
  await page.getByRole('textbox', { name: 'Memory, GB' }).fill('0.2');
  await page.getByRole('button', { name: 'Analyse', exact: true }).click();
  await expect(alerts(page)).toContainText(/does not fit the memory.*200 MB allowed.*at least \d+ MB/s, {
    timeout: LONG_MS,
  });
  await expect(alerts(page)).not.toContainText('--');
  await page.getByRole('textbox', { name: 'Memory, GB' }).fill('');

  // Chromium goes on telling of gigabytes, as in a private window.
  const grant = await storageOf(page);
  await grant(20e6);
  await page.getByRole('button', { name: 'Estimate', exact: true }).click();
  await expect(alerts(page)).toContainText(
    /do not fit this browser's storage.*room for .*at least .*(fit\.|fewer samples)/s,
    {
      timeout: LONG_MS,
    },
  );
  await pictures(page, 'refused');
});

test('a full storage and changed weights are told, and nothing of what was stored is lost or mixed', async ({
  page,
}) => {
  test.setTimeout(4 * LONG_MS);
  await openLarge(page, await writeFolder('wide', files));
  await page.getByRole('button', { name: 'Analyse', exact: true }).click();
  // There was room when it began.
  await expect(stage(page, 'Capture states')).toContainText(/[1-8]\/8/, { timeout: LONG_MS });
  const grant = await storageOf(page);
  await grant(14e6);
  await expect(alerts(page)).toContainText(/The browser's storage has no room for the states of this analysis/, {
    timeout: LONG_MS,
  });
  const before = await storedStates(page);
  expect(Object.keys(before).length).toBeGreaterThan(4);

  await grant(null);
  await page.getByRole('button', { name: 'Analyse', exact: true }).click();
  await expect(stage(page, 'Fit linear probes')).toContainText('8/8', { timeout: LONG_MS });
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await expect(page.getByRole('button', { name: 'Analyse', exact: true })).toBeEnabled({ timeout: LONG_MS });
  const after = await storedStates(page);
  expect(finished(before).filter((name) => after[name] !== before[name])).toEqual([]);

  const merged = await transformerFiles({ ...SHAPE, change: mergedInto });
  await openFolder(page, await writeFolder('wide', merged));
  await page.getByRole('button', { name: 'Analyse', exact: true }).click();
  await expect(alerts(page)).toContainText('The weights changed since this analysis was interrupted', {
    timeout: LONG_MS,
  });
  expect(Object.keys(await storedStates(page)).sort()).toEqual(['weights-files.f32', 'weights.f32']);
});

/** Of what the browser grants the page, for as long as the page lives; null for as much as it grants by itself. */
async function storageOf(page: Page): Promise<(bytes: number | null) => Promise<void>> {
  const devtools = await page.context().newCDPSession(page);
  const { origin } = new URL(page.url());
  return async (bytes) => {
    await devtools.send('Storage.overrideQuotaForOrigin', { origin, ...(bytes === null ? {} : { quotaSize: bytes }) });
  };
}

/** As a LoRA that was merged into one matrix: the fingerprint, which reads the vectors of the first block, stays. */
function mergedInto(tensors: TensorToWrite[]): TensorToWrite[] {
  const last = tensors.findLast(({ name }) => name.endsWith('attn.to_q.weight'));
  return tensors.map((tensor) =>
    tensor === last ? { ...tensor, bytes: tensor.bytes.map((byte, at) => (at % 2 === 0 ? byte ^ 1 : byte)) } : tensor,
  );
}

async function openLarge(page: Page, folder: string): Promise<void> {
  await open(page, `/?${SETTINGS}`);
  await openFolder(page, folder);
}

async function openFolder(page: Page, folder: string): Promise<void> {
  await page.getByTestId('folder-input').setInputFiles(folder);
  await expect(fact(page, 'Blocks')).toHaveText('8', { timeout: LONG_MS });
  await expect(page.getByRole('button', { name: 'Analyse', exact: true })).toBeEnabled({ timeout: LONG_MS });
}

const stage = (page: Page, name: string) => panel(page, 'Calibration').getByRole('listitem').filter({ hasText: name });

type Report = Readonly<Record<string, unknown>>;

/** Analyses to the end, and reads the report that the browser keeps. */
async function analysed(page: Page): Promise<Report> {
  await page.getByRole('button', { name: 'Analyse', exact: true }).click();
  await expect(panel(page, 'Calibration').getByText(/^Took .+ on WASM$/)).toBeVisible({ timeout: LONG_MS });
  await expect(alerts(page)).toHaveCount(0);
  let text: string | null = null;
  await expect.poll(async () => (text = await keptText(page)), { timeout: 30_000 }).not.toBeNull();
  return JSON.parse(text ?? '');
}

async function uninterrupted(browser: Browser, folder: string): Promise<Report> {
  const context = await browser.newContext(test.info().project.use);
  try {
    const page = await context.newPage();
    await openLarge(page, folder);
    return await analysed(page);
  } finally {
    await context.close();
  }
}

function withoutTimes({ blockMs, stagesMs, ...figures }: Report): Report {
  expect(blockMs).toHaveLength(8);
  expect(stagesMs).toBeDefined();
  return figures;
}

/** Of a block that was captured in every stream, and of one whose probes are all stored: the rest is made again with the block. */
function finished(stored: Readonly<Record<string, number>>): readonly string[] {
  return Object.keys(stored).filter((name) => {
    const [, probe, block] = /\.(probe-)?(-?\d+)\.f32$/.exec(name) ?? [];
    return block === undefined || `${probe ? 'swept' : 'captured'}.${block}.f32` in stored;
  });
}

/** States and probes in the browser's storage, and when each was written. */
function storedStates(page: Page): Promise<Record<string, number>> {
  return page.evaluate(async () => {
    const root = await (await navigator.storage.getDirectory()).getDirectoryHandle('analyses');
    const written: Record<string, number> = {};
    for await (const folder of (root as unknown as { values(): AsyncIterable<FileSystemDirectoryHandle> }).values()) {
      const files = (folder as unknown as { values(): AsyncIterable<FileSystemFileHandle> }).values();
      for await (const file of files) {
        // What a capture continues from, in two turns.
        if (!file.name.startsWith('pass.')) written[file.name] = (await file.getFile()).lastModified;
      }
    }
    return written;
  });
}

/** To look at: in the test's own folder, in both themes. */
async function pictures(page: Page, name: string): Promise<void> {
  const folder = process.env.E2E_PICTURES;
  if (!folder) return;
  for (const width of [1440, 1024, 768]) {
    await page.setViewportSize({ width, height: 900 });
    for (const theme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme: theme });
      // Colours change over a moment.
      await page.waitForTimeout(500);
      await page.screenshot({ path: `${folder}/${name}-${width}-${theme}.png`, fullPage: width < 1440 });
    }
  }
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.emulateMedia({ colorScheme: null });
}
