/** An analysis or a capture that is stopped or killed in the terminal goes on from its folder of states. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseReport } from '../lib/core/report/index.ts';
import { contiguaInside } from './contigua-fixtures.ts';

const BIN = fileURLToPath(new URL('../bin/contigua.mjs', import.meta.url));
const MODEL = fileURLToPath(new URL('../public/models/shapes-mmdit', import.meta.url));
const ANALYSE = ['analyse', MODEL, '--engine', 'wasm', '--samples', '8', '--timesteps', '4'];

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-states-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** `end` is sent once the words were said; SIGKILL goes to the compute process too, as a machine that goes down does. */
function contigua(
  argv: readonly string[],
  end?: { readonly on: RegExp; readonly signal: 'SIGINT' | 'SIGKILL' },
): Promise<{ code: number | null; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [BIN, ...argv], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    let ended = false;
    child.stderr.setEncoding('utf8').on('data', async (chunk) => {
      stderr += chunk;
      if (ended || !end?.on.test(stderr)) return;
      ended = true;
      if (end.signal === 'SIGKILL') {
        const path = `/proc/${child.pid}/task/${child.pid}/children`;
        const children = existsSync(path) ? await readFile(path, 'utf8') : '';
        for (const pid of children.split(' ').filter(Boolean)) process.kill(Number(pid), 'SIGKILL');
      }
      child.kill(end.signal);
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stderr }));
  });
}

async function figures(name: string): Promise<unknown> {
  const { blockMs, stagesMs, ...rest } = parseReport(await readFile(join(folder, name), 'utf8'), name);
  expect(blockMs).toHaveLength(rest.model.numBlocks);
  return rest;
}

it('gives the same report, to the bit, after Ctrl-C and after kill -9', async () => {
  expect((await contigua([...ANALYSE, '--out', 'whole.json'])).code).toBe(0);
  const kept = [...ANALYSE, '--states', 'states', '--out', 'resumed.json'];
  const killed = await contigua(kept, { on: /probes: 4 of 16/, signal: 'SIGKILL' });
  expect(killed.code).not.toBe(0);
  const stopped = await contigua(kept, { on: /trajectories: [1-9]/, signal: 'SIGINT' });
  expect(stopped.code).toBe(130);
  // What was finished is told at once.
  expect(stopped.stderr).toMatch(/probes: 4 of 16/);
  const done = await contigua(kept);
  expect(done.code).toBe(0);
  // Each interval as soon as it is measured.
  expect(done.stderr).toMatch(/damage of \[\d+, \d+\]: [\d.]+ % output error, taken out\n/);
  expect(done.stderr).toMatch(/damage of \[\d+, \d+\]: [\d.]+ % output error, with probes in its place\n/);
  expect(await figures('resumed.json')).toEqual(await figures('whole.json'));
  const names = (await readdir(join(folder, 'states'), { recursive: true })).filter((name) => name.includes('.'));
  expect(names.filter((name) => !name.endsWith('.f32'))).toEqual([]);
}, 600_000);

it('captures the same files after kill -9', async () => {
  // Slow enough to be killed half-way.
  const inputs = ['--samples', '64', '--timesteps', '4'];
  const capture = ['capture', MODEL, '--engine', 'wasm', ...inputs, '--intervals', '3-5'];
  expect((await contiguaInside([...capture, '--out', 'captured'], folder)).code).toBe(0);
  const kept = [...capture, '--states', 'capturing', '--out', 'captured-again'];
  const killed = await contigua(kept, { on: /capture: \d+ of 16/, signal: 'SIGKILL' });
  expect(killed.code).not.toBe(0);
  const held = (await readdir(join(folder, 'capturing'), { recursive: true })).filter((name) => name.endsWith('.f32'));
  expect(held.length).toBeGreaterThan(0);
  // Only whole files have their names.
  expect(existsSync(join(folder, 'captured-again/trace.safetensors'))).toBe(false);
  const done = await contigua(kept);
  expect(done.code, done.stderr).toBe(0);
  const names = ['boundaries.safetensors', 'calibration.safetensors', 'trace.safetensors'];
  expect((await readdir(join(folder, 'captured-again'))).toSorted()).toEqual(names);
  for (const name of names) {
    const [again, whole] = [join(folder, 'captured-again', name), join(folder, 'captured', name)];
    expect((await readFile(again)).equals(await readFile(whole)), name).toBe(true);
  }
}, 600_000);

it('goes on with narrower blocks after kill -9, to the same report', async () => {
  const narrower = [...ANALYSE, '--damage-intervals', '0', '--width', 'ffn'];
  expect((await contiguaInside([...narrower, '--out', 'narrow.json'], folder)).code).toBe(0);
  const kept = [...narrower, '--states', 'narrow', '--out', 'narrow-resumed.json'];
  // The first count is always told; later ones are left out where they come fast.
  const fitting = /trajectories: 323 of 323[\s\S]*probes: \d+ of 16/;
  expect((await contigua(kept, { on: fitting, signal: 'SIGKILL' })).code).not.toBe(0);
  const measuring = await contigua(kept, { on: /damage: 16 of 32/, signal: 'SIGKILL' });
  expect(measuring.code).not.toBe(0);
  expect(measuring.stderr).toMatch(/trajectories: 323 of 323[\s\S]*probes: 16 of 16/);
  const done = await contigua(kept);
  expect(done.code, done.stderr).toBe(0);
  // All maps were fitted, and half of them measured.
  expect(done.stderr).toMatch(/trajectories: 323 of 323\ndamage: 1 of 32\n[\s\S]*damage: 32 of 32/);
  expect(await figures('narrow-resumed.json')).toEqual(await figures('narrow.json'));
}, 600_000);

it('tells a full disk, leaves nothing half-written on it, and goes on to the same report once there is room', async ({
  skip,
}) => {
  const disk = join(folder, 'disk');
  await mkdir(disk);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', disk], { encoding: 'utf8' });
  if (mounted.status !== 0) skip(`No small disk can be mounted here: ${mounted.error?.message ?? mounted.stderr}`);
  try {
    const kept = [...ANALYSE, '--states', 'disk/states', '--out', 'after-full.json'];
    const full = await contigua(kept);
    expect(full.code).toBe(1);
    expect(full.stderr).toMatch(/no room for the states of this analysis.*what was finished is kept/s);
    expect(existsSync(join(folder, 'after-full.json'))).toBe(false);
    const stored = (await readdir(join(disk, 'states'), { recursive: true })).filter((name) => name.includes('.'));
    expect(stored.length).toBeGreaterThan(4);
    expect(stored.filter((name) => !name.endsWith('.f32'))).toEqual([]);

    expect(spawnSync('mount', ['-o', 'remount,size=64m', disk]).status).toBe(0);
    expect((await contigua(kept)).code).toBe(0);
    if (!existsSync(join(folder, 'whole.json'))) await contiguaInside([...ANALYSE, '--out', 'whole.json'], folder);
    expect(await figures('after-full.json')).toEqual(await figures('whole.json'));
  } finally {
    spawnSync('umount', [disk]);
  }
}, 600_000);

it('reads some of the tokens, and says how many', async () => {
  const few = ['--tokens', '128', '--damage-intervals', '1', '--out', 'few.json'];
  const { code, stderr } = await contiguaInside([...ANALYSE, ...few], folder);
  expect(code).toBe(0);
  expect(stderr).toMatch(/tokens read: 128 of 512 image, 7\d of 7\d text/);
  const report = parseReport(await readFile(join(folder, 'few.json'), 'utf8'), 'few.json');
  expect(report.settings.tokens).toBe(128);
  expect(report.damage.length).toBeLessThanOrEqual(2);
}, 120_000);

it('measures the intervals that are named, detected or not', async () => {
  const named = ['--damage-intervals', '4-5,2-9,4-5', '--damage-samples', '1', '--out', 'named.json'];
  const { code } = await contiguaInside([...ANALYSE, ...named], folder);
  expect(code).toBe(0);
  const { damage } = parseReport(await readFile(join(folder, 'named.json'), 'utf8'), 'named.json');
  expect(damage.map(({ edit }) => edit)).toMatchObject([
    { first: 4, last: 5, by: 'nothing' },
    { first: 2, last: 9, by: 'nothing' },
    { first: 4, last: 5, by: 'probes' },
    { first: 2, last: 9, by: 'probes' },
  ]);
}, 120_000);

it('estimates time, memory and disk, and an ablation besides, without analysing', async () => {
  const asked = ['--states', 'none', '--ablation', 'blocks,parts', '--estimate', '--out', 'none.json'];
  const { code, stderr } = await contiguaInside([...ANALYSE, ...asked], folder);
  expect(code).toBe(0);
  expect(stderr).toMatch(
    /estimate: about [\d.]+ (s|min) \(weights .*damage .*\)\n {2}tokens: 512 of image.*\n {2}memory: .* at the peak.*\n {2}disk: /,
  );
  // 16 blocks, and two halves of each; its weights stay in memory.
  expect(stderr).toMatch(
    /ablation, after that: 48 measurements on 2 samples, about [\d.]+ s \(--ablation, --damage-samples\)/,
  );
  expect(existsSync(join(folder, 'none.json'))).toBe(false);
}, 120_000);

it.each([
  [
    'memory that is too little',
    ['--memory', '20MB'],
    /does not fit the memory.*found 20 MB allowed; expected at least \d+.*name a folder for states \(--states\)/,
  ],
  [
    'an interval that the model does not have',
    ['--damage-intervals', '3-16'],
    /Not an interval of this model.*found \[3,16\]/,
  ],
  ['intervals that cannot be read', ['--damage-intervals', '3-'], /Intervals are not readable.*found 3-/],
  ['a disk budget that is too little', ['--states', 'full', '--disk', '1MB'], /budget of disk.*expected at least/],
  [
    'the same, known before it starts',
    ['--states', 'full', '--disk', '1MB', '--estimate'],
    /full: The states .* do not fit the disk that is allowed; found 1 MB allowed; expected at least [\d.]+ MB/,
  ],
  ['a size that is none', ['--memory', 'lots'], /--memory does not fit; found lots; expected a size such as 6GB/],
  ['a disk budget without a folder', ['--disk', '1GB'], /--disk needs --states/],
  ['a folder that cannot be made', ['--states', 'file/states'], /folder of states cannot be made/],
])(
  'refuses %s',
  async (_, options, words) => {
    await writeFile(join(folder, 'file'), '');
    const { code, stderr } = await contiguaInside([...ANALYSE, ...options], folder);
    expect(code).toBeGreaterThan(0);
    expect(stderr).toMatch(words);
  },
  120_000,
);
