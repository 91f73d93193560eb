/**
 * A trace of 60 blocks × 2,048 rows × 3,072 in two streams (1.5 GB each in F32), opened and analysed on the built page in Chromium on
 * WASM: the time of each stage, the peak memory of the tab, the longest task of its main thread (processor time), and CKA of some pairs of states
 * against float64.
 *
 *   node --import ./scripts/sources.mjs bench/large-trace.ts --out FOLDER [--python PATH] [--blocks 60] [--rows 2048] [--heads 24]
 *     [--dtype F32] [--tokens N] [--minutes N] [--url http://127.0.0.1:3000] [--no-build] [--only-compare]
 *
 * FOLDER keeps the trace for the next time. `--tokens` is what the page's *Tokens / stream* is set to: the rows of a stream that are
 * read. After N minutes the analysis is stopped, and what it did until then is printed. `--only-compare` takes the report that an earlier
 * run left in FOLDER.
 */
import { spawnSync } from 'node:child_process';
import { openAsBlob } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium, type Page } from '@playwright/test';
import { splitRows } from '../lib/core/analysis/held-out.ts';
import type { AnalysisReport } from '../lib/core/report/report.ts';
import { openTrace } from '../lib/core/trace/index.ts';
import { traceMainThread } from '../lib/testing/main-thread.ts';
import { ensureChromium } from '../scripts/chromium.mjs';
import { writeLargeTrace } from './large-trace-file.ts';
import { startPage } from './start-page.ts';

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: 'bench-large-trace' },
    python: { type: 'string' },
    blocks: { type: 'string', default: '60' },
    rows: { type: 'string', default: '2048' },
    heads: { type: 'string', default: '24' },
    dtype: { type: 'string', default: 'F32' },
    tokens: { type: 'string' },
    minutes: { type: 'string', default: '600' },
    url: { type: 'string' },
    'no-build': { type: 'boolean', default: false },
    'only-compare': { type: 'boolean', default: false },
  },
});
if (values.python && values.tokens) {
  throw new RangeError('--python compares with a reference over all rows: leave --tokens out');
}
const OPEN_MS = 600_000;
/** Of the counts of processor time in /proc. */
const HERTZ = 100;

const of = {
  blocks: Number(values.blocks),
  rows: Number(values.rows),
  heads: Number(values.heads),
  dtype: values.dtype === 'BF16' ? ('BF16' as const) : ('F32' as const),
  seed: 1,
};

const folder = resolve(values.out);
await mkdir(folder, { recursive: true });
const name = `trace-${of.blocks}-${of.rows}-${of.heads}-${of.dtype}.safetensors`;
const file = join(folder, name);
if (!(await stat(file).catch(() => null))) {
  await writeLargeTrace(`${file}.part`, of);
  await rename(`${file}.part`, file);
}
const reportFile = join(folder, `report-${of.blocks}.json`);
if (values['only-compare']) {
  await compare(JSON.parse(await readFile(reportFile, 'utf8')) as AnalysisReport, values.python ?? 'python3');
  process.exit();
}
const sizeBytes = (await stat(file)).size;

const server = await startPage(values.url, { build: !values['no-build'] });
// A profile on the disk: a private window keeps what a page stores in memory, and stores at most a share of it.
const profile = await mkdtemp(join(folder, 'profile-'));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: ensureChromium(),
  viewport: { width: 1440, height: 900 },
  args: ['--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-sync'],
});
const memory = usedByTab();
try {
  const page = await browser.newPage();
  await page.goto(server.url);
  const analyse = page.getByRole('button', { name: 'Analyse', exact: true });
  await analyse.waitFor();
  await page.getByText('WASM').first().waitFor();
  const mainThread = await traceMainThread(page);

  const openedAt = performance.now();
  await page.getByTestId('file-input').setInputFiles(file);
  await page.getByText(`${of.rows.toLocaleString('en')} image and`).waitFor({ timeout: OPEN_MS });
  const openSeconds = (performance.now() - openedAt) / 1000;

  if (values.tokens) {
    const field = page.getByLabel('Tokens / stream', { exact: true });
    if (!(await field.isVisible())) await page.getByText('Tokens and memory', { exact: true }).click();
    await field.fill(values.tokens);
    await field.press('Enter');
  }
  const startedAt = performance.now();
  await analyse.click();
  await page.getByRole('button', { name: 'Stop', exact: true }).waitFor();
  const alert = page.getByRole('region', { name: 'Notices' }).getByRole('alert');
  const done = page.getByText(/^Took /);
  const stages = page.getByRole('region', { name: 'Calibration' }).getByRole('listitem');
  const shown = async () => (await stages.allTextContents()).filter((text) => /\d/.test(text)).join('; ');
  const stopAt = startedAt + 60_000 * Number(values.minutes);
  const ended = done.or(alert).first();
  while (!(await ended.isVisible()) && performance.now() < stopAt) {
    await page.waitForTimeout(10_000);
    const { peakBytes, processorSeconds } = await memory.look();
    const used = `${Math.round(processorSeconds)} s of the processor, ${gigabytes(peakBytes)}`;
    console.error(`${Math.round((performance.now() - startedAt) / 1000)} s, ${used}: ${await shown()}`);
  }
  if ((await alert.count()) > 0) throw new Error(`The page says: ${await alert.first().textContent()}`);
  const seconds = (performance.now() - startedAt) / 1000;
  const longest = await mainThread.longestTaskMs();
  const storedBytes = await page.evaluate(async () => (await navigator.storage.estimate()).usage ?? 0);
  const report = (await done.isVisible()) ? await keptReport(page) : null;
  const took = report
    ? Object.entries(report.stagesMs)
        .map(([stage, ms]) => `${stage} ${Math.round(ms / 1000)} s`)
        .join(', ')
    : await shown();
  if (report) await writeFile(reportFile, JSON.stringify(report));
  else await page.getByRole('button', { name: 'Stop', exact: true }).click();
  const { peakBytes, processorSeconds } = await memory.end();
  console.log(`Chromium ${browser.browser()?.version()}, ${name}, ${gigabytes(sizeBytes)}\n`);
  console.log(
    `| opened in | ${report ? 'analysed' : 'stopped'} after | processor time | where the time goes | peak memory of the tab | browser storage | longest main-thread task |`,
  );
  console.log('|---|---|---|---|---|---|---|');
  console.log(
    `| ${openSeconds.toFixed(1)} s | ${Math.round(seconds)} s | ${Math.round(processorSeconds)} s | ${took} | ${gigabytes(peakBytes)} | ${gigabytes(storedBytes)} | ${longest.toFixed(1)} ms |`,
  );
  if (report && values.python) await compare(report, values.python);
} finally {
  await browser.close();
  server.close();
  await rm(profile, { recursive: true, force: true });
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}

interface Used {
  readonly peakBytes: number;
  readonly processorSeconds: number;
}

/** Highest resident memory, and processor time, of the process that renders: the tab with its worker. */
function usedByTab(): { look(): Promise<Used>; end(): Promise<Used> } {
  let [peakBytes, processorSeconds] = [0, 0];
  const poll = setInterval(look, 5_000);
  async function look(): Promise<Used> {
    for (const pid of await descendants(process.pid)) {
      const text = (path: string) => readFile(`/proc/${pid}/${path}`, 'utf8').catch(() => '');
      if (!(await text('cmdline')).includes('--type=renderer')) continue;
      peakBytes = Math.max(peakBytes, 1024 * Number(/VmHWM:\s+(\d+)/.exec(await text('status'))?.[1] ?? 0));
      // Of user and of system; what comes after the name in brackets begins with the third field.
      const [user = 0, system = 0] = (await text('stat')).split(') ').at(-1)!.split(' ').slice(11, 13).map(Number);
      processorSeconds = Math.max(processorSeconds, (user + system) / HERTZ);
    }
    return { peakBytes, processorSeconds };
  }
  return {
    look,
    async end() {
      clearInterval(poll);
      return await look();
    },
  };
}

async function descendants(root: number): Promise<number[]> {
  const tree = [root];
  for (const parent of tree) {
    for (const thread of await readdir(`/proc/${parent}/task`).catch(() => [])) {
      const children = await readFile(`/proc/${parent}/task/${thread}/children`, 'utf8').catch(() => '');
      tree.push(...children.split(' ').filter(Boolean).map(Number));
    }
  }
  return tree;
}

/** The page keeps finished analyses in the browser. */
async function keptReport(page: Page): Promise<AnalysisReport> {
  for (;;) {
    const text = await page.evaluate(
      () =>
        new Promise<string | null>((found, failed) => {
          const request = indexedDB.open('contigua');
          request.onerror = () => failed(request.error);
          request.onsuccess = () => {
            const all = request.result.transaction('analyses').objectStore('analyses').getAll();
            all.onerror = () => failed(all.error);
            all.onsuccess = () => {
              request.result.close();
              found(all.result[0]?.text ?? null);
            };
          };
        }),
    );
    if (text) return JSON.parse(text) as AnalysisReport;
    await page.waitForTimeout(200);
  }
}

interface ReferenceRow {
  readonly stream: string;
  readonly first: number;
  readonly last: number;
  readonly 'held-out': { readonly debiased: number; readonly biased: number };
  readonly all: { readonly debiased: number; readonly biased: number };
}

async function compare(report: AnalysisReport, python: string): Promise<void> {
  const { samples } = await openTrace({ path: file, blob: await openAsBlob(file) });
  const { heldOut } = splitRows(samples);
  const rows = join(folder, 'held-out.json');
  const listed = Object.entries(heldOut).map(([stream, of]) => [stream, [...of]]);
  await writeFile(rows, JSON.stringify(Object.fromEntries(listed)));
  const ran = spawnSync(python, ['training/bench_large_trace.py', file, rows], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  if (ran.status !== 0) throw new Error(ran.stderr);
  console.log('\n| stream | blocks | rows | debiased CKA | reference | difference | biased, difference |');
  console.log('|---|---|---|---|---|---|---|');
  for (const row of JSON.parse(ran.stdout) as ReferenceRow[]) {
    const { stream, first, last } = row;
    for (const rows of ['held-out', 'all'] as const) {
      const { cka, rows: count } = report.streams[stream]!.similarity[rows]!;
      const [found, biased] = [cka.debiased[first]![last]!, cka.biased[first]![last]!];
      const { debiased: expected, biased: expectedBiased } = row[rows];
      console.log(
        `| ${stream} | ${first}, ${last} | ${count} ${rows} | ${found.toFixed(7)} | ${expected.toFixed(7)} | ${Math.abs(found - expected).toExponential(1)} | ${Math.abs(biased - expectedBiased).toExponential(1)} |`,
      );
    }
  }
}
