/**
 * Longest main-thread task (processor time) while the page restores a kept analysis after a reload, and while plans under another
 * budget and with another rule are solved. A bundled sample, or a model folder whose name is given:
 *
 *   node --import ./scripts/sources.mjs bench/kept-report.ts [--model FOLDER] [--name NAME] [--runs 5] [--no-build]
 */
import { parseArgs } from 'node:util';
import { chromium, type Page } from '@playwright/test';
import { traceMainThread } from '../lib/testing/main-thread.ts';
import { ensureChromium } from '../scripts/chromium.mjs';
import { startPage } from './start-page.ts';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    name: { type: 'string', default: 'shapes-flux' },
    runs: { type: 'string', default: '5' },
    'no-build': { type: 'boolean', default: false },
  },
});
const DEFAULT_SAMPLE = 'shapes-mmdit';
const PATIENCE_MS = 300_000;

const server = await startPage(undefined, { build: !values['no-build'] });
const browser = await chromium.launch({ executablePath: ensureChromium(), args: ['--no-sandbox'] });
const longest: Record<string, number[]> = { restored: [], 'another budget': [], 'another rule': [] };
try {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  page.setDefaultTimeout(PATIENCE_MS);
  await page.goto(`${server.url}/?inputs=${values.model ? 'synthetic-16-4-1' : 'shapes-16-4-1'}`);
  await opened(page);
  await page.getByRole('button', { name: 'Analyse', exact: true }).click();
  await page
    .getByText(/^Took .+ on WASM$/)
    .first()
    .waitFor();
  for (let run = 0; run < Number(values.runs); run++) {
    await page.reload();
    await measured(page, 'restored', async () => {
      await opened(page);
      await page.getByText(/^Best plan: /).waitFor();
    });
    await measured(page, 'another budget', async () => {
      await page.getByRole('textbox', { name: 'At most' }).fill('70%');
      await page.waitForTimeout(3000);
      await page.getByRole('textbox', { name: 'At most' }).fill('60%');
    });
    await measured(page, 'another rule', async () => {
      await page.getByRole('combobox', { name: 'Budget', exact: true }).selectOption('size');
      await page.waitForTimeout(3000);
      await page.getByRole('combobox', { name: 'Budget', exact: true }).selectOption('params');
    });
  }
} finally {
  await browser.close();
  server.close();
}
console.log('| longest main-thread task, processor time | ms, run by run |\n| --- | --- |');
for (const [part, ms] of Object.entries(longest))
  console.log(`| ${part} | ${ms.map((one) => one.toFixed(0)).join(', ')} |`);

/** A sample opens by itself; what is picked before it is there would be lost to it. */
async function opened(page: Page): Promise<void> {
  const region = page.getByRole('region', { name: 'Model', exact: true });
  const title = (name: string) => region.getByTitle(name, { exact: true }).first();
  await title(values.model ? DEFAULT_SAMPLE : values.name)
    .or(title(DEFAULT_SAMPLE))
    .waitFor();
  if (values.model) await page.getByTestId('folder-input').setInputFiles(values.model);
  else if (!(await title(values.name).isVisible())) {
    await page.getByLabel('Sample', { exact: true }).selectOption(values.name);
  }
  await title(values.name).waitFor();
}

async function measured(page: Page, part: string, work: () => Promise<void>): Promise<void> {
  const trace = await traceMainThread(page);
  await work();
  // What follows the last change on the page.
  await page.waitForTimeout(3000);
  longest[part]!.push(await trace.longestTaskMs());
}
