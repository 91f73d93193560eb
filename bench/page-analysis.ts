/**
 * A checkpoint of the shape of Stable Diffusion 3.5 medium (24 blocks, width 1536, 2.24 B parameters, 4.5 GB in BF16; noise from
 * a seed, written to disk) analysed in Chromium with 1,024 image tokens per sample, on WASM or, with `--engine webgpu`, on a graphics
 * processor: estimated, stopped half-way, resumed after a reload. Prints time, processor time and peak memory of the tab's process, and the longest main-thread task (processor
 * time) of each part.
 *
 *   node --import ./scripts/sources.mjs bench/page-analysis.ts [--blocks 24] [--samples 4] [--timesteps 2] [--text 77] [--latent 64]
 *     [--limits t1024-s1-i1] [--stop-after 12] [--until 24] [--out FOLDER] [--engine webgpu] [--no-build] [--keep]
 *
 * `--until N` ends after the first N blocks, where a machine is too slow for all; `--latent 16` makes 64 image tokens, to try the bench, and
 * `--adapter swiftshader` tries `webgpu` without a graphics processor.
 */
import { mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { cpus } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium, type Page } from '@playwright/test';
import { type TensorToWrite, writeSafetensors } from '../lib/core/checkpoint/index.ts';
import { seededRandom } from '../lib/core/random.ts';
import { keptText } from '../lib/testing/kept-analysis.ts';
import { traceMainThread } from '../lib/testing/main-thread.ts';
import { mediumShape } from '../lib/testing/published-shape.ts';
import { ensureChromium } from '../scripts/chromium.mjs';
import { startPage } from './start-page.ts';

const { values } = parseArgs({
  options: {
    blocks: { type: 'string', default: '24' },
    samples: { type: 'string', default: '4' },
    timesteps: { type: 'string', default: '2' },
    text: { type: 'string', default: '77' },
    latent: { type: 'string', default: '64' },
    limits: { type: 'string', default: 't1024-s1-i1' },
    out: { type: 'string', default: 'bench-page-analysis' },
    'stop-after': { type: 'string' },
    until: { type: 'string' },
    engine: { type: 'string', default: 'wasm' },
    adapter: { type: 'string' },
    'no-build': { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
});
const BLOCKS = Number(values.blocks);
/** Side of the latents, in patches of 2 × 2: 64 are 1,024 tokens. */
const LATENT = Number(values.latent);
const IMAGE_TOKENS = (LATENT / 2) ** 2;
const PIECE_BYTES = 2 ** 26;
const HOURS_MS = 6 * 3600_000;
const FOLLOWED_EVERY_S = 20;

/** By the names that the page gives them, with what Chromium needs for each: without the last two it has no WebGPU on Linux. */
const ENGINES: Readonly<Record<string, { readonly label: string; readonly args: readonly string[] }>> = {
  wasm: { label: 'WASM', args: [] },
  webgpu: {
    label: 'WebGPU',
    args: values.adapter
      ? ['--enable-unsafe-webgpu', `--use-webgpu-adapter=${values.adapter}`]
      : ['--enable-unsafe-webgpu', '--ignore-gpu-blocklist', '--enable-features=Vulkan'],
  },
};
const engine = ENGINES[values.engine];
if (!engine) throw new Error(`--engine takes ${Object.keys(ENGINES).join(' or ')}, not ${values.engine}`);

const MODEL = 'sd3.5-medium-shape';
const DEFAULT_SAMPLE = 'shapes-mmdit';

const out = resolve(values.out);
const model = join(out, MODEL);
const calibration = join(out, 'calibration.safetensors');
await writeModel();
await writeCalibration();

const server = await startPage(undefined, { build: !values['no-build'] });
const browser = await chromium.launchPersistentContext(join(out, 'profile'), {
  executablePath: ensureChromium(),
  viewport: { width: 1440, height: 900 },
  args: [
    '--no-sandbox',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-sync',
    ...engine.args,
  ],
});
try {
  const page = browser.pages()[0] ?? (await browser.newPage());
  page.setDefaultTimeout(HOURS_MS);
  page.on('crash', () => console.error('The tab crashed'));
  console.log(
    `${BLOCKS} blocks, ${values.samples} samples of ${IMAGE_TOKENS.toLocaleString('en-US')} image and ${values.text} text tokens, limits ${values.limits}; ` +
      `Chromium ${browser.browser()?.version() ?? ''}, ${cpus().length} × ${cpus()[0]?.model}\n`,
  );
  console.log(
    '| part | time | processor time of the tab | peak memory (RSS) | peak memory (PSS) | longest main-thread task |',
  );
  console.log('|---|---|---|---|---|---|');
  await page.goto(`${server.url}/?limits=${values.limits}`);
  console.error(await takeEngine(page, engine.label));
  await measured(page, 'open the model and the calibration', () => openBoth(page));
  await measured(page, 'estimate', async () => {
    await page.getByRole('button', { name: 'Estimate', exact: true }).click();
    await outcome(page, page.getByLabel('Estimate', { exact: true }).and(page.locator('dl')));
  });
  const facts = await page
    .getByLabel('Estimate', { exact: true })
    .and(page.locator('dl'))
    .locator('div')
    .allInnerTexts();
  console.error(`estimated: ${facts.map((fact) => fact.replace(/\s*\n\s*/, ' ')).join('; ')}`);
  const half = Number(values['stop-after'] ?? Math.floor(BLOCKS / 2));
  await measured(page, `up to block ${half}`, async () => {
    await page.getByRole('button', { name: 'Analyse', exact: true }).click();
    await followed(page, reached(page, 'Fit linear probes', half));
  });
  await measured(page, 'stop', async () => {
    await page.getByRole('button', { name: 'Stop', exact: true }).click();
    await enabled(page, 'Analyse');
  });
  await page.reload();
  await takeEngine(page, engine.label);
  await measured(page, 'open both again after a reload', () => openBoth(page));
  const until = Number(values.until ?? BLOCKS);
  await measured(page, until < BLOCKS ? `resumed, up to block ${until} of ${BLOCKS}` : 'the rest', async () => {
    await page.getByRole('button', { name: 'Analyse', exact: true }).click();
    if (until < BLOCKS) await followed(page, reached(page, 'Fit linear probes', until));
    else await followed(page, outcome(page, panel(page).getByText(new RegExp(`^Took .+ on ${engine.label}$`))));
  });
  const report = JSON.parse((await keptText(page)) ?? '{}');
  console.log(
    `the rest: ${Object.entries((report.stagesMs ?? {}) as Record<string, number>)
      .map(([stage, ms]) => `${stage} ${Math.round(ms / 1000)} s`)
      .join(', ')}`,
  );
  const blockMs = (report.blockMs ?? []) as number[];
  console.log(`a block on one sample: ${blockMs.map((ms) => `${(ms / 1000).toFixed(1)}`).join(', ')} s`);
} finally {
  await browser.close();
  server.close();
  if (!values.keep) await rm(out, { recursive: true, force: true });
}

async function writeModel(): Promise<void> {
  for (const [name, { sizeBytes, read }] of mediumShape(7, BLOCKS)) {
    const path = join(model, name);
    await mkdir(dirname(path), { recursive: true });
    if ((await stat(path).catch(() => null))?.size === sizeBytes) continue;
    const file = await open(path, 'w');
    for (let at = 0; at < sizeBytes; at += PIECE_BYTES) {
      await file.write(read(at, Math.min(sizeBytes, at + PIECE_BYTES)));
    }
    await file.close();
  }
}

/** Noise: what is measured does not depend on it. Two samples of each prompt. */
async function writeCalibration(): Promise<void> {
  const samples = Number(values.samples);
  const { normal } = seededRandom(3);
  const tensor = (name: string, shape: number[], of: (k: number) => number = normal): TensorToWrite => {
    const length = shape.reduce((product, n) => product * n, 1);
    return { name, shape, dtype: 'F32', bytes: new Uint8Array(Float32Array.from({ length }, (_, k) => of(k)).buffer) };
  };
  const steps = Number(values.timesteps);
  const groups = Int32Array.from({ length: samples }, (_, sample) => Math.floor(sample / 2));
  const bytes = writeSafetensors([
    tensor('hidden_states', [samples, 16, LATENT, LATENT]),
    tensor('encoder_hidden_states', [samples, Number(values.text), 4096]),
    tensor('pooled_projections', [samples, 2048]),
    tensor('timestep', [samples], (k) => (1000 * ((k % steps) + 0.5)) / steps),
    { name: 'prompt_group', shape: [samples], dtype: 'I32', bytes: new Uint8Array(groups.buffer) },
  ]);
  const file = await open(calibration, 'w');
  await file.write(bytes);
  await file.close();
}

/** Chosen by name where the page took another one; what the page then calls it, with its device. */
async function takeEngine(page: Page, label: string): Promise<string> {
  const button = page.getByRole('button', { name: /^Engine: / });
  const running = page.getByRole('button', { name: new RegExp(`^Engine: ${label} · `) });
  await page.getByRole('button', { name: /^Engine: .+ · / }).waitFor();
  if ((await running.count()) === 0) {
    await button.click();
    // It waits for a task of the worker that is under way.
    const use = page.getByRole('button', { name: `Use ${label}` });
    await page.getByRole('dialog', { name: 'Engine' }).waitFor();
    if ((await use.count()) === 0) {
      throw new Error((await page.getByRole('dialog', { name: 'Engine' }).allInnerTexts()).join('\n'));
    }
    await use.click();
    await running.waitFor();
    await page.keyboard.press('Escape');
  }
  return (await running.getAttribute('aria-label')) ?? (await running.allInnerTexts()).join(' ');
}

function panel(page: Page) {
  return page.getByRole('region', { name: 'Calibration', exact: true });
}

/** Asked again and again, as a button may be another one once the page has loaded. */
async function enabled(page: Page, name: 'Analyse' | 'Open folder'): Promise<void> {
  const button = page.getByRole('button', { name, exact: true });
  while (!(await button.isEnabled())) await pause(250);
}

/**
 * The sample that the page opens by itself comes first, or it would replace the model. After a reload the page still asks for a
 * calibration file, and analyses nothing without one.
 */
async function openBoth(page: Page): Promise<void> {
  await opened(page, DEFAULT_SAMPLE);
  await page.getByTestId('folder-input').setInputFiles(model);
  await opened(page, MODEL);
  await page.getByRole('combobox', { name: 'Inputs' }).selectOption('file');
  await page.getByTestId('calibration-input').setInputFiles(calibration);
  await enabled(page, 'Analyse');
}

async function opened(page: Page, name: string): Promise<void> {
  const title = page.getByRole('region', { name: 'Model', exact: true }).getByTitle(name, { exact: true });
  await title.first().waitFor({ timeout: HOURS_MS });
  await enabled(page, 'Open folder');
}

/** Writes what the page says of progress and time left while `run` lasts. */
async function followed(page: Page, run: Promise<void>): Promise<void> {
  let isOver = false;
  const over = run.finally(() => {
    isOver = true;
  });
  over.catch(() => undefined);
  const bar = panel(page).getByRole('progressbar', { name: 'Analysis', exact: true });
  const startedAt = performance.now();
  for (let polls = 0; !isOver; polls++) {
    await Promise.race([over, pause(1000)]).catch(() => undefined);
    if (isOver || polls % FOLLOWED_EVERY_S !== 0) continue;
    const text = await bar.getAttribute('aria-valuetext', { timeout: 5000 }).catch(() => null);
    if (text) console.error(`  after ${Math.round((performance.now() - startedAt) / 1000)} s: ${text}`);
  }
  await over;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits for what is expected, or throws what the page says instead. */
async function outcome(page: Page, expected: ReturnType<Page['locator']>): Promise<void> {
  const alert = page.getByRole('region', { name: 'Notices', exact: true }).getByRole('alert');
  await expected.or(alert).first().waitFor({ timeout: HOURS_MS });
  if ((await alert.count()) > 0) throw new Error((await alert.allInnerTexts()).join('\n'));
}

async function reached(page: Page, stage: string, count: number): Promise<void> {
  const item = panel(page).getByRole('listitem').filter({ hasText: stage });
  for (;;) {
    const done = Number(/(\d+)\/\d+/.exec((await item.textContent()) ?? '')?.[1] ?? 0);
    if (done >= count) return;
    const alerts = await page.getByRole('region', { name: 'Notices', exact: true }).getByRole('alert').allInnerTexts();
    if (alerts.length > 0) throw new Error(alerts.join('\n'));
    await pause(500);
  }
}

/** Runs one part and prints its row. Peaks are of the renderer that has the most: the tab with its worker. */
async function measured(page: Page, what: string, run: () => Promise<void>): Promise<void> {
  const trace = await traceMainThread(page);
  await eachRenderer((pid) =>
    open(`/proc/${pid}/clear_refs`, 'w').then((file) => file.write('5').finally(() => file.close())),
  );
  const before = await processorSeconds();
  let pss = 0;
  const poll = setInterval(async () => {
    await eachRenderer(async (pid) => {
      const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
      pss = Math.max(pss, 1024 * Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0));
    });
  }, 2000);
  const startedAt = performance.now();
  try {
    await run();
  } finally {
    clearInterval(poll);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  // A renderer that a reload replaced is not counted.
  const after = await processorSeconds();
  const processor = Math.max(0, ...[...after].map(([pid, of]) => of - (before.get(pid) ?? 0)));
  let rss = 0;
  await eachRenderer(async (pid) => {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    rss = Math.max(rss, 1024 * Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0));
  });
  const gigabytes = (bytes: number) => (bytes === 0 ? '–' : `${(bytes / 1e9).toFixed(2)} GB`);
  const longest = await trace.longestTaskMs();
  console.log(
    `| ${what} | ${seconds.toFixed(seconds < 10 ? 1 : 0)} s | ${processor.toFixed(1)} s | ${gigabytes(rss)} | ${gigabytes(pss)} | ${longest.toFixed(1)} ms |`,
  );
}

/** Of each renderer so far. Linux counts a hundred ticks a second. */
async function processorSeconds(): Promise<Map<number, number>> {
  const seconds = new Map<number, number>();
  await eachRenderer(async (pid) => {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    seconds.set(pid, (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / 100);
  });
  return seconds;
}

/** Renderers of this browser, found by the profile that its processes are started with. */
async function eachRenderer(use: (pid: number) => Promise<unknown>): Promise<void> {
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (!command.includes('--type=renderer')) continue;
    const parent = await ancestorWith(Number(name), join(out, 'profile'));
    if (parent) await use(Number(name)).catch(() => undefined);
  }
}

async function ancestorWith(pid: number, words: string): Promise<boolean> {
  for (let at = pid; at > 1; ) {
    const status = await readFile(`/proc/${at}/status`, 'utf8').catch(() => '');
    at = Number(/^PPid:\s+(\d+)/m.exec(status)?.[1] ?? 0);
    const command = at > 1 ? await readFile(`/proc/${at}/cmdline`, 'utf8').catch(() => '') : '';
    if (command.includes(words)) return true;
  }
  return false;
}
