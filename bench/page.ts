/**
 * The page's speed in a real Chromium on this machine: where an analysis of the sample spends its time per engine, the
 * longest main-thread task while it runs, hover to paint, and the JavaScript of the first load. Times are medians over
 * runs of one session; compare rows of one table, not tables of two machines.
 * `npm run bench -- [--runs 3] [--engines wasm] [--url http://127.0.0.1:3000]`
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { chromium, type Page } from '@playwright/test';
import { ensureChromium } from '../scripts/chromium.mjs';
import { startPage } from './start-page.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '3' },
    url: { type: 'string' },
  },
});
const RUNS = Number(values.runs);
const STAGES = ['Capture states', 'Fit linear probes', 'Compare states (CKA)', 'Follow surrogates', 'Measure damage'];

const server = await startPage(values.url);

const browser = await chromium.launch({
  executablePath: ensureChromium(),
  args: ['--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-sync'],
});
const median = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;

/** Text of the row that the progress list shows for a stage, "1.5 s", in seconds. */
async function stageSeconds(page: Page, stage: string): Promise<number> {
  const row = await page.getByText(stage, { exact: true }).locator('..').textContent();
  const match = /([\d.]+)\s*(ms|s)\b/.exec((row ?? '').replace(stage, ''));
  if (!match) throw new Error(`No time for "${stage}" in "${row}"`);
  return Number(match[1]) / (match[2] === 'ms' ? 1000 : 1);
}

const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
const scripts: { name: string; bytes: number }[] = [];
page.on('response', async (response) => {
  if (response.request().resourceType() !== 'script' || response.frame() !== page.mainFrame()) return;
  const body = await response.body().catch(() => null);
  if (body) scripts.push({ name: new URL(response.url()).pathname, bytes: gzipSync(body).length });
});
await page.addInitScript(() => {
  const tasks: number[] = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) tasks.push(entry.duration);
  }).observe({ type: 'longtask', buffered: true });
  Object.assign(globalThis, { longTasks: tasks });
});
await page.goto(server.url);
const analyse = page.getByRole('button', { name: 'Analyse', exact: true });
await analyse.waitFor();
await page.getByText('WASM').first().waitFor();
const engine = await page.getByRole('button', { name: /Engine/ }).textContent();
await page.waitForLoadState('networkidle');
const markup = await (await fetch(server.url)).text();
const [named, later] = [true, false].map((isNamed) => scripts.filter(({ name }) => markup.includes(name) === isNamed));
const kilobytes = (some: typeof scripts = []) => `${(some.reduce((sum, s) => sum + s.bytes, 0) / 1000).toFixed(0)} kB`;

const rows: Record<string, number[]> = Object.fromEntries(['total', ...STAGES].map((s) => [s, []]));
const longest: number[] = [];
for (let run = 0; run < RUNS; run++) {
  await page.evaluate(() => {
    (globalThis as unknown as { longTasks: number[] }).longTasks.length = 0;
  });
  const started = performance.now();
  await analyse.click();
  await page.getByRole('button', { name: 'Stop', exact: true }).waitFor();
  await analyse.waitFor({ timeout: 300_000 });
  rows.total!.push((performance.now() - started) / 1000);
  for (const stage of STAGES) rows[stage]!.push(await stageSeconds(page, stage));
  longest.push(await page.evaluate(() => Math.max(0, ...(globalThis as unknown as { longTasks: number[] }).longTasks)));
}

/** From a pointer move over a heatmap to the second animation frame after it, less the frame it waits for anyway. */
const heatmap = page
  .getByRole('region', { name: 'Similarity of hidden states', exact: true })
  .locator('canvas')
  .first();
await heatmap.scrollIntoViewIfNeeded();
const box = await heatmap.boundingBox();
const hover: number[] = [];
if (box) {
  for (let i = 0; i < 40; i++) {
    await page.evaluate(() => {
      const w = globalThis as unknown as { hoverMs: Promise<number> };
      w.hoverMs = new Promise((resolve) => {
        addEventListener(
          'pointermove',
          (event) => {
            requestAnimationFrame(() => {
              const channel = new MessageChannel();
              channel.port1.onmessage = () => resolve(performance.now() - event.timeStamp);
              channel.port2.postMessage(0);
            });
          },
          { once: true, capture: true },
        );
      });
    });
    await page.mouse.move(box.x + (box.width * ((i * 7) % 40)) / 40, box.y + (box.height * i) / 40);
    hover.push(await page.evaluate(() => (globalThis as unknown as { hoverMs: Promise<number> }).hoverMs));
  }
}

console.log(
  `\n${(engine ?? '').replace(/\s+/g, ' ')}, Chromium ${browser.version()}, ${cpus().length} × ${cpus()[0]?.model}, ${RUNS} runs\n`,
);
console.log('| what | median | least | most |\n|---|---|---|---|');
for (const [name, seconds] of Object.entries(rows)) {
  const [least, most] = [Math.min(...seconds), Math.max(...seconds)];
  console.log(`| ${name} | ${median(seconds).toFixed(1)} s | ${least.toFixed(1)} s | ${most.toFixed(1)} s |`);
}
console.log(
  `| longest main-thread task while analysing (0: none over 50 ms) | ${median(longest).toFixed(0)} ms | ${Math.min(...longest).toFixed(0)} ms | ${Math.max(...longest).toFixed(0)} ms |`,
);
console.log(
  `| hover to paint | ${median(hover).toFixed(1)} ms | ${Math.min(...hover).toFixed(1)} ms | ${Math.max(...hover).toFixed(1)} ms |`,
);
console.log(`| JavaScript that the page names, gzipped (${named?.length} files) | ${kilobytes(named)} | | |`);
console.log(
  `| JavaScript after the first paint, without the worker's (${later?.length} files) | ${kilobytes(later)} | | |`,
);
await browser.close();
server.close();
