/**
 * From what browser.mjs and runs.mjs took to the committed files of browser/ and exports/: `node pack-browser.mjs WORK`.
 * Needs version 1's code. Run facts.mjs after it, for the page's and the runs' plans.
 */
import { execFileSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { register } from 'tsx/esm/api';

register();
const { linkMeaning, pluggedMeaning } = await import('../browser/reading.ts');
const { tensorDigests } = await import('../exports/reading.ts');
const { DEFAULT_SETTINGS } = await import('../../../client/settings.ts');
const { DEFAULT_CALIBRATION } = await import('../../../client/calibration.ts');
const { writeLink } = await import('../../../client/url-state.ts');
const { writePlugged } = await import('../../../client/plugged.ts');

const [work] = process.argv.slice(2);
if (!work) throw new Error('Name the folder of the generators before this one');
const here = new URL('../', import.meta.url);
const { kept, addresses } = JSON.parse(await readFile(join(work, 'browser.json'), 'utf8'));
await writeFile(new URL('browser/kept-analyses.json.gz', here), gzipSync(JSON.stringify(kept), { level: 9 }));

// Every value that a setting can have, as the page writes it; then whole addresses of the session.
const plain = {
  model: '8f93af2a728e',
  cut: '',
  settings: DEFAULT_SETTINGS,
  calibration: DEFAULT_CALIBRATION,
  prompt: null,
  seed: null,
};
const settings = (change) => ({ ...plain, settings: { ...DEFAULT_SETTINGS, ...change } });
const detection = (change) => settings({ detection: { ...DEFAULT_SETTINGS.detection, ...change } });
const states = [
  { ...plain, model: null },
  plain,
  { ...plain, cut: '0-15' },
  { ...plain, cut: '3-4.5-7.14-15' },
  ...['debiased', 'biased'].map((estimator) => detection({ estimator })),
  ...['mean', 'image', 'text'].map((streams) => detection({ streams })),
  ...['block-u', 'probe-u'].map((start) => detection({ start })),
  ...['teacher-after-k', 'teacher-after-u'].map((target) => detection({ target })),
  ...['removed', 'probed', 'cka', 'probe', 'direction'].map((score) => settings({ score })),
  ...['removed', 'probes'].map((replacement) => settings({ replacement })),
  ...[0, 9, 15].map((startBlock) => settings({ startBlock })),
  ...['viridis', 'cividis'].map((colours) => settings({ colours })),
  ...['full', 'data'].map((scale) => settings({ scale })),
  ...[
    { kind: 'shapes', samples: 1024, timesteps: 50, seed: 999_999 },
    { kind: 'synthetic', samples: 2, timesteps: 1, seed: 0 },
    { kind: 'file', file: null },
  ].map((change) => ({ ...plain, calibration: { ...DEFAULT_CALIBRATION, ...change } })),
  { ...plain, prompt: 'large blue cross bottom-left, brown', seed: 12 },
  { ...plain, prompt: '', seed: 0 },
];
const texts = new Set([
  ...states.map((state) => writeLink(state).toString()),
  ...addresses.flatMap(({ asked, kept: one }) => [asked, one]),
]);
const choices = [
  { keys: null, fineTuned: false },
  { keys: null, fineTuned: true },
  { keys: [], fineTuned: false },
  { keys: ['0-1'], fineTuned: false },
  { keys: ['0-1', '3-5'], fineTuned: false },
];
const links = {
  explorer: [...texts].map((address) => ({ address, means: linkMeaning(address, 16) })),
  session: addresses,
  run: choices.map(writePlugged).map((param) => ({ param, means: pluggedMeaning(param) })),
};
await writeFile(new URL('browser/links.json', here), `${JSON.stringify(links, null, 1)}\n`);

// Exported folders: their small files as they are, their weights as digests.
const unpacked = await mkdtemp(join(tmpdir(), 'contigua-export-'));
execFileSync('unzip', ['-q', join(work, 'model-0-1.zip'), '-d', unpacked]);
const weights = {};
for (const [name, folder] of [
  ['terminal-fine-tuned', join(work, 'export')],
  ['server-0-1', join(unpacked, 'Finished')],
]) {
  const target = new URL(`exports/${name}/`, here);
  await mkdir(target, { recursive: true });
  for (const path of ['README.md', 'plan.json', 'metrics.json']) await cp(join(folder, path), new URL(path, target));
  await cp(join(folder, 'transformer', 'config.json'), new URL('config.json', target));
  const file = await readFile(join(folder, 'transformer', 'diffusion_pytorch_model.safetensors'));
  weights[name] = tensorDigests(file);
}
await rm(unpacked, { recursive: true });
for (const name of ['finished', 'paused']) {
  await cp(join(work, `metrics-${name}.json`), new URL(`exports/server-metrics-${name}.json`, here));
}
await writeFile(new URL('exports/weights.json.gz', here), gzipSync(JSON.stringify(weights), { level: 9 }));
