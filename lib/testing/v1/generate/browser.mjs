/**
 * What the page keeps and writes, taken from a real Chromium: `node browser.mjs WORK`, after runs.mjs and a build
 * (`node scripts/start.mjs --build-only`). Needs version 1's code. CHROMIUM names another browser. Writes WORK/browser.json
 * (IndexedDB as it lies, addresses with what they mean) and the page's and the server's plans into WORK/plans.
 */
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from '@playwright/test';

const work = resolve(process.argv[2] ?? '');
const repository = fileURLToPath(new URL('../../../..', import.meta.url));
const { views } = JSON.parse(await readFile(join(work, 'runs.json'), 'utf8'));

const port = await new Promise((go) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => go(port));
  });
});
const base = `http://127.0.0.1:${port}`;
const server = spawn(process.execPath, [join(repository, 'scripts', 'start.mjs'), '--no-build'], {
  cwd: repository,
  stdio: ['ignore', 'inherit', 'inherit'],
  env: {
    ...process.env,
    PORT: String(port),
    CONTIGUA_DATA: join(work, 'data'),
    CONTIGUA_MODELS: `bundled=${join(repository, 'public', 'models')}:earlier=${join(work, 'models')}`,
    CONTIGUA_SLOTS: '0',
  },
});
const ended = new Promise((go) => server.once('exit', go));
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking'],
});
try {
  while (!(await fetch(base).catch(() => null))?.ok) await new Promise((go) => setTimeout(go, 200));
  const context = await browser.newContext({
    baseURL: base,
    acceptDownloads: true,
    viewport: { width: 1440, height: 900 },
  });
  const page = await context.newPage();
  const ready = () =>
    page
      .getByRole('button', { name: 'Analyse', exact: true })
      .and(page.locator(':enabled'))
      .waitFor({ timeout: 180_000 });
  const open = async (address) => {
    await page.goto(`/?${address}`);
    // Without its file, a calibration file cannot be analysed.
    if (!address.includes('inputs=file')) await ready();
  };
  const analyse = async () => {
    await page.getByRole('button', { name: 'Analyse', exact: true }).click();
    await page
      .getByRole('button', { name: 'Analyse', exact: true })
      .and(page.locator(':disabled'))
      .waitFor()
      .catch(() => {});
    await ready();
    await page
      .getByRole('button', { name: /^Detected interval / })
      .first()
      .waitFor({ timeout: 180_000 });
  };
  const kept = () =>
    page.evaluate(
      () =>
        new Promise((resolve, reject) => {
          const asked = indexedDB.open('contigua');
          asked.onerror = () => reject(asked.error);
          asked.onsuccess = () => {
            const database = asked.result;
            const store = database.transaction('analyses').objectStore('analyses');
            const indexes = [...store.indexNames].map((name) => ({ name, keyPath: store.index(name).keyPath }));
            const all = store.getAll();
            all.onsuccess = () =>
              resolve({
                database: database.name,
                version: database.version,
                store: store.name,
                keyPath: store.keyPath,
                indexes,
                records: all.result,
                localStorage: { ...localStorage },
              });
            database.close();
          };
        }),
    );
  const plan = async () => {
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download plan', exact: true }).click(),
    ]);
    return await readFile(await download.path(), 'utf8');
  };
  const settled = async () => {
    await page.waitForTimeout(1000);
    return new URL(page.url()).search.slice(1);
  };

  // A plan of the page without an analysis, then the analyses.
  await open('cut=3-4.5-7&by=probes');
  await writeFile(join(work, 'plans', 'page-without-analysis.json'), await plan());
  await open('inputs=synthetic-6-3-2');
  await analyse();
  await open('inputs=shapes-8-2-5');
  await analyse();

  const addresses = [];
  for (const [name, address] of [
    ['page-default', 'cut=9-10.12-14'],
    ['page-biased', 'cut=0-2&cka=biased&stream=image&start=probe-u&target=teacher-after-u&rank=direction&by=probes'],
    ['page-text', 'cut=14-15&stream=text&u=9&colours=cividis&scale=full&rank=removed&inputs=synthetic-32-4-9'],
    ['page-nothing', ''],
    ['page-prompt', 'cut=4-7&prompt=large+blue+cross+bottom-left%2C+brown&seed=12&inputs=file&rank=probe'],
    ['page-unknown', 'cut=1-2&cka=magic&stream=audio&u=-3&inputs=shapes-0x10-8-1&seed=1.5&new=thing'],
  ]) {
    await open(address);
    await page
      .getByRole('button', { name: /^Detected interval / })
      .first()
      .waitFor();
    const chosen = address.includes('cut=');
    addresses.push({ asked: address, kept: await settled(), plan: chosen ? `${name}.json` : null });
    if (chosen) await writeFile(join(work, 'plans', `${name}.json`), await plan());
  }
  const dump = await kept();

  for (const [name, { id }] of Object.entries(views)) {
    for (const file of ['plan.json', 'metrics.json']) {
      const answer = await context.request.get(`/api/files/runs/${id}/${file}`);
      const folder = file === 'plan.json' ? 'plans/run-' : '';
      await writeFile(join(work, folder ? `${folder}${name}.json` : `metrics-${name}.json`), await answer.text());
    }
  }
  const zip = await context.request.get(`/api/files/runs/${views.finished.id}/model.zip?plugged=0-1`);
  await writeFile(join(work, 'model-0-1.zip'), await zip.body());
  await writeFile(join(work, 'browser.json'), JSON.stringify({ kept: dump, addresses }, null, 1));
  for (const { key, savedAtMs, text } of dump.records) console.log(key, savedAtMs, text.length);
  for (const { kept: one } of addresses) console.log(one);
} finally {
  await browser.close();
  server.kill('SIGTERM');
  await ended;
}
