/**
 * Distilling from the terminal, on files and a database on disk: runs are made, stopped and exported by processes of their
 * own; what only looks at them, or refuses, runs in this one.
 */
import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { parseRunPlan } from '../lib/core/plan/index.ts';
import { copyFreshDatabase } from '../lib/server/database/testing.ts';
import { tinyModel } from '../lib/testing/tiny-model.ts';
import { contiguaInside, type Ended } from './contigua-fixtures.ts';
import { distil } from './distil.ts';
import { engines } from './engines.ts';
import { exportModel } from './export.ts';
import { runs } from './runs.ts';

/** Several processes, each with a database that it opens. */
const LONG_MS = 300_000;
const TESTING = fileURLToPath(new URL('../lib/testing/', import.meta.url));
const BIN = fileURLToPath(new URL('../bin/contigua.mjs', import.meta.url));

interface Running {
  readonly ended: Promise<Ended>;
  /** Resolves when stderr says so. */
  says(words: RegExp): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

const running = new Set<Running>();
function start(argv: readonly string[]): Running {
  // Settings of whoever runs the tests are not the tests'.
  const { DATABASE_URL: _, CONTIGUA_DATA: __, CONTIGUA_MODELS: ___, ...env } = process.env;
  const child = spawn(process.execPath, [BIN, ...argv], { cwd: folder, env });
  let stdout = '';
  let stderr = '';
  const waiting = new Set<() => void>();
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
    for (const look of waiting) look();
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      running.delete(command);
      resolve({ code, stdout, stderr });
    });
  });
  const command: Running = {
    ended,
    kill: (signal) => void child.kill(signal),
    says: (words) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!words.test(stderr)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
        void ended.then(() => reject(new Error(`It ended without saying ${words}: ${stderr}`)));
      }),
  };
  running.add(command);
  return command;
}
const contigua = (line: string) => start(line.split(' ')).ended;
const inside = (line: string) => contiguaInside(line.split(' '), folder);

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-distil-'));
  await mkdir(join(folder, 'tiny', 'transformer'), { recursive: true });
  for (const [path, bytes] of Object.entries((await tinyModel()).files)) {
    await writeFile(join(folder, 'tiny', 'transformer', path), bytes);
  }
  const planned = await inside('plan tiny --intervals [[0,1]] --out plan.json');
  expect(planned.code).toBe(0);
  await copyFreshDatabase(join(folder, 'data'));
}, LONG_MS);
afterAll(async () => {
  const left = [...running];
  for (const command of left) command.kill('SIGKILL');
  await Promise.all(left.map(({ ended }) => ended));
  await rm(folder, { recursive: true, force: true });
});

const read = (path: string) => readFile(join(folder, path));
/** Steps that stderr has told of the interval, in order. */
const toldSteps = (stderr: string) => [...stderr.matchAll(/^0-1: (\d+) of 4000/gm)].map(([, step]) => Number(step));
const runView = z.object({
  jobs: z.array(z.object({ state: z.string(), step: z.int(), checkpointStep: z.int(), attempt: z.int() })),
});
const runList = z.array(z.object({ id: z.string(), state: z.string() }));
async function runsIn(data: string) {
  return runList.parse(JSON.parse((await inside(`runs --json --data-folder ${data}`)).stdout));
}

const context = { signal: new AbortController().signal };
const TRAIN = 'distil tiny --plan plan.json --data synthetic --engine wasm --slots 1 --batch 2';

describe('contigua distil', () => {
  it('tells what a run will take and makes none', { timeout: LONG_MS }, async () => {
    const told = await inside(`${TRAIN} --estimate --data-folder data`);
    expect({ code: told.code, stdout: told.stdout }).toEqual({ code: 0, stdout: '' });
    expect(told.stderr).toMatch(
      /SYNTHETIC inputs[\s\S]*1 interval \(0-1\), 2 → 1 blocks\nestimate: [\s\S]*\nthe teacher stays in memory; .* of its states \(f32\) are kept on disk\n/,
    );
    expect((await contigua('runs --data-folder data')).stdout).toBe('no runs\n');
  });

  it('trains, measures and exports a smaller model that opens', { timeout: LONG_MS }, async () => {
    const { code, stdout, stderr } = await contigua(`${TRAIN} --steps 4 --data-folder data --out small`);
    expect(stderr).toMatch(/0-1: 4 of 4 {2}done[\s\S]*wrote small: 2 → 1 blocks/);
    expect(code).toBe(0);
    expect(stdout).toMatch(/interval +stream +steps +student +first block +probes +removal +relative/);
    expect(stdout).toMatch(/\n0-1 +image +4 +\d/);
    expect(stdout).toContain('0-1 plugged in: relative output error');
    const inspected = await inside('inspect small --json');
    expect(JSON.parse(inspected.stdout)).toMatchObject({ numBlocks: 1 });
    expect(parseRunPlan(String(await read('small/plan.json')), 'plan.json').edits.map(({ by }) => by)).toEqual([
      'student',
    ]);
    expect(JSON.parse(String(await read('small/metrics.json')))).toMatchObject({ measured: { plugged: ['0-1'] } });
  });

  it('trains on states that were captured elsewhere, and refuses those that do not fit', {
    timeout: 2 * LONG_MS,
  }, async () => {
    const traces = join(TESTING, 'traces');
    await copyFreshDatabase(join(folder, 'given'));
    await cp(join(TESTING, 'models/flux'), join(folder, 'flux'), { recursive: true });
    await inside('plan flux --intervals [[1,2]] --out flux-plan.json');
    const line = (...more: string[]) =>
      contiguaInside(
        ['distil', 'flux', '--engine', 'wasm', '--slots', '1', '--batch', '2', '--data-folder', 'given', ...more],
        folder,
      );
    const data = ['--data', join(traces, 'flux/calibration.safetensors')];
    const states = ['--boundaries', join(traces, 'flux/boundaries.safetensors')];
    const plan = ['--plan', 'flux-plan.json', '--steps', '2', '--out', 'flux-small'];
    const otherModel = await line(...plan, ...data, '--boundaries', join(traces, 'qwen-image/boundaries.safetensors'));
    expect(otherModel).toMatchObject({ code: 1 });
    expect(otherModel.stderr).toMatch(
      /boundaries\.safetensors: The states are of another model; found tiny-qwen-image/,
    );
    const trained = await line(...plan, ...data, ...states);
    expect(trained.stderr).toContain('the teacher’s states come from a file; the teacher stays in memory');
    expect(trained.stderr).toMatch(/1-2: 2 of 2 {2}done[\s\S]*wrote flux-small: 7 → 6 blocks/);
    expect(trained.code).toBe(0);
  });

  it('takes a finished run up again, and only exports it', { timeout: LONG_MS }, async () => {
    const { code, stderr } = await contigua(`${TRAIN} --steps 4 --data-folder data --out small`);
    expect(stderr).toMatch(/resumes: 1 of 1 done/);
    expect(code).toBe(0);
    expect((await readdir(folder)).filter((name) => /part|old/.test(name))).toEqual([]);
    expect((await runsIn('data')).map(({ state }) => state)).toEqual(['done']);
  });

  it('shows runs, and exports any choice of students', { timeout: LONG_MS }, async () => {
    const [run] = await runsIn('data');
    const id = run?.id ?? '';
    const shown = await contigua(`runs ${id} --data-folder data`);
    expect(shown.stdout).toMatch(/2 → 1 blocks, 0-1\n[\s\S]*0-1 +done, 4 of 4 steps, wasm/);

    const where = ['--model', 'tiny', '--data-folder', 'data'];
    const none = await start(['export', id, '--out', 'teacher', '--plugged', '', ...where]).ended;
    expect(none.stderr).toContain('wrote teacher: 2 → 2 blocks');
    const weights = 'transformer/diffusion_pytorch_model.safetensors';
    expect((await read(`teacher/${weights}`)).equals(await read(`tiny/${weights}`))).toBe(true);

    const unknown = await contiguaInside(['export', id, '--out', 'never', '--plugged', '0-9', ...where], folder);
    expect(unknown.code).toBe(2);
    const rootless = await inside(`export ${id} --out never --data-folder data`);
    expect(rootless.code).toBe(1);
    expect(rootless.stderr).toContain('--model FOLDER');
    const occupied = await contiguaInside(['export', id, '--out', 'tiny', ...where], folder);
    expect(occupied.stderr).toMatch(/tiny: The model folder cannot be written; found 1 other file in it/);
    const missing = await inside('runs nowhere --data-folder data');
    expect(missing).toMatchObject({ code: 1, stdout: '' });
    expect(missing.stderr).toMatch(/found nowhere/);
    expect(await readdir(folder)).not.toContain('never');
  });

  it('stores its last step at SIGINT and at SIGTERM and goes on from it with the same command, while nobody else may have its folder', {
    timeout: 2 * LONG_MS,
  }, async () => {
    await copyFreshDatabase(join(folder, 'paused'));
    const line = `${TRAIN} --steps 4000 --seed 1 --data-folder paused --out later`;
    let checkpointStep = 0;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const isFirst = signal === 'SIGINT';
      const begun = start(line.split(' '));
      // The second goes on from the checkpoint of the first.
      await begun.says(
        isFirst ? /0-1: ([4-9]\d|\d{3,}) of 4000/ : /resumes: 0 of 1 done[\s\S]*\n0-1: [1-9]\d* of 4000/,
      );
      if (isFirst) {
        await expect(runs(['--data-folder', join(folder, 'paused')], context)).rejects.toMatchObject({
          code: 'database-in-use',
          message: expect.stringMatching(/Another process uses this data folder; found process \d+ .*--data-folder/),
        });
      }
      begun.kill(signal);
      // npm passes the terminal's signal on to its child, which has it already.
      setTimeout(() => begun.kill(signal), 100);
      await begun.says(/is paused/);
      // Signals that arrive while the process ends do not replace its exit code.
      const again = setInterval(() => begun.kill(signal), 1);
      const paused = await begun.ended.finally(() => clearInterval(again));
      expect(paused.stderr).toMatch(/is paused \(0-1 at step \d+\)\. The same command resumes it/);
      expect(paused.code).toBe(130);
      const told = toldSteps(paused.stderr);
      expect(Math.min(...told)).toBeGreaterThanOrEqual(checkpointStep);
      const [{ id } = { id: '' }] = await runsIn('paused');
      const shown = await inside(`runs ${id} --json --data-folder paused`);
      const [job] = runView.parse(JSON.parse(shown.stdout)).jobs;
      // Nothing that was told is lost: the checkpoint is of the very last step.
      expect(job).toMatchObject(isFirst ? { state: 'paused', attempt: 1 } : { state: 'paused' });
      expect(job?.checkpointStep).toBe(job?.step);
      expect(job?.checkpointStep).toBeGreaterThanOrEqual(told.at(-1) ?? 4000);
      expect(await readdir(folder)).not.toContain('later');
      checkpointStep = job?.checkpointStep ?? 4000;
    }
    // To its end is another test's business: that it goes on from that checkpoint is this one's.
    const resumed = start(line.split(' '));
    await resumed.says(/resumes: 0 of 1 done[\s\S]*\n0-1: [1-9]\d* of 4000 .*wasm/);
    resumed.kill('SIGTERM');
    const { code, stderr } = await resumed.ended;
    expect(Math.min(...toldSteps(stderr))).toBeGreaterThanOrEqual(checkpointStep);
    expect(code).toBe(130);
  });

  it('refuses a plan of another model', async () => {
    const plan = String(await read('plan.json')).replace(/sha256:[0-9a-f]{8}/, 'sha256:00000000');
    await writeFile(join(folder, 'foreign.json'), plan);
    const foreign = distil([join(folder, 'tiny'), '--plan', join(folder, 'foreign.json')], context);
    await expect(foreign).rejects.toThrow(/foreign\.json: The plan is for another model/);
  });

  it.each([
    ['no plan', '', /--plan is needed/],
    ['no data for a model without a grammar', '--plan plan.json', /--data is needed/],
    ['the grammar for such a model', '--plan plan.json --data shapes', /grammar does not fit this model/],
    ['an unknown loss', '--loss huber', /--loss.*found huber; expected direction, /],
    ['a learning rate that is none', '--learning-rate 0', /--learning-rate.*more than 0/],
    ['warm-up beyond the end', '--steps 5 --warm-up 6', /--warm-up.*0 to 5/],
    [
      'states of no samples',
      '--plan plan.json --data synthetic --boundaries boundaries.safetensors',
      /--boundaries needs --data and a file.*synthetic/,
    ],
    ['half a fine-tune', '--fine-tune-steps 5', /--fine-tune-steps needs --fine-tune/],
    ['a type that is none', '--dtype int8', /--dtype.*expected teacher, F32/],
  ])('says how it is used for %s', async (_, line, message) => {
    const argv = line.split(' ').map((word) => (word === 'plan.json' ? join(folder, word) : word));
    const refused = distil([join(folder, 'tiny'), ...argv.filter(Boolean)], context);
    await expect(refused).rejects.toMatchObject({ code: 'usage', message: expect.stringMatching(message) });
  });

  it('says how export and engines are used', async () => {
    const usage = (message: RegExp) => ({ code: 'usage', message: expect.stringMatching(message) });
    await expect(exportModel(['--out', 'x'], context)).rejects.toMatchObject(usage(/One RUN is needed/));
    await expect(exportModel(['7'], context)).rejects.toMatchObject(usage(/--out is needed/));
    const both = ['7', '--out', 'x', '--fine-tuned', '--plugged', '3-4'];
    await expect(exportModel(both, context)).rejects.toMatchObject(usage(/--fine-tuned is of all that was trained/));
    await expect(engines(['now'], context)).rejects.toMatchObject(usage(/takes no argument/));
  });
});

describe('contigua engines', () => {
  it('names every engine with its reason, and checks the chosen one', { timeout: LONG_MS }, async () => {
    const told = await contigua('engines --engine wasm');
    expect(told.code).toBe(0);
    expect(told.stdout).toMatch(/^wasm \(1 thread.*You chose it\.\n {2}checked: off by \d/);
    for (const name of ['tensorflow', 'webgpu', 'webgl', 'cpu'])
      expect(told.stdout).toMatch(new RegExp(`\n {2}${name} +(yes|no )`));
  });
});
