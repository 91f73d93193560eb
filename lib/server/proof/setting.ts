/**
 * What the proofs of the backend stand on: a data folder of their own, the bundled model, a plan, settings, and fake
 * compute processes with short durations. Everything made here is taken away again.
 */
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { nodeFiles } from '../../compute/folder/node-files.ts';
import { startComputeProcess } from '../../compute/node-process.ts';
import { DEFAULT_DETECTION } from '../../core/detection/index.ts';
import { runEdits } from '../../core/edit/index.ts';
import { openModel } from '../../core/folder/open-model.ts';
import type { BlockInterval } from '../../core/interval/index.ts';
import { buildPlan, type RunPlan } from '../../core/plan/index.ts';
import type { SeededRandom } from '../../core/random.ts';
import { DEFAULT_DISTIL, DEFAULT_FINE_TUNE, type DistilSettings, type RunView } from '../../core/run/index.ts';
import type { Backend, RunRequest } from '../backend.ts';
import type { BackendOptions } from '../create-backend.ts';
import { copyFreshDatabase } from '../database/testing.ts';
import { readEnv, type ServerEnv } from '../env.ts';
import type { StartCompute } from '../jobs/compute-slot.ts';
import type { Timing } from '../runs/context.ts';
import { smallDisk } from './small-disk.ts';

/** A fraction of the real durations, with a lease that a busy machine's pauses do not use up. */
export const SHORT: Timing = {
  lease: 5_000,
  heartbeat: 500,
  sweep: 500,
  poll: 200,
  follow: 100,
  steps: 100,
  patience: 20_000,
  rest: 500,
  stop: 20_000,
  stepFloor: 20_000,
  stepFactor: 20,
  quiet: 60_000,
};

const MODELS = resolve('public', 'models');
const MODEL = 'shapes-mmdit';
const FAKE_ENTRY = new URL('./fake-compute.mjs', import.meta.url);

/** What the fake is told (fake-compute.mjs). */
export interface FakeWork {
  readonly stepMs?: number;
  /** Of each file it writes, about. */
  readonly bytes?: number;
  readonly engines?: string;
  /** "3-4 12": where it dies, or fails. */
  readonly crashAt?: string;
  readonly failAt?: string;
}

export interface Setting {
  readonly folder: string;
  /** The root that the model lies in. */
  readonly models: string;
  readonly env: ServerEnv;
  readonly options: BackendOptions;
  readonly sentences: readonly string[];
  readonly plan: RunPlan;
  request(steps: Partial<DistilSettings>, more?: Partial<RunRequest['settings']>): RunRequest;
  /** "key from step" and "key step" lines of every fake process so far. */
  log(): Promise<readonly LoggedStep[]>;
  fakeEnv(work?: FakeWork): Record<string, string>;
  /** No fake goes beyond the step until it is let go. */
  hold(step: number): Promise<void>;
  letGo(): Promise<void>;
  /** Fakes die at their start as long as this is set. */
  stillborn(set: boolean): Promise<void>;
  /** The data folder has a small file system of its own. */
  readonly onSmallDisk: boolean;
  remove(): Promise<void>;
}

export interface LoggedStep {
  readonly key: string;
  readonly step: number;
  /** The process began here instead of making the step. */
  readonly begins: boolean;
  readonly pid: number;
}

export const INTERVALS: readonly BlockInterval[] = [
  { first: 2, last: 3 },
  { first: 4, last: 6 },
  { first: 8, last: 9 },
  { first: 11, last: 13 },
];

export async function makeSetting(
  work: FakeWork = {},
  variables: Readonly<Record<string, string>> = {},
  intervals: readonly BlockInterval[] = INTERVALS,
  /** Files of another model than the bundled one, by path. */
  own: Readonly<Record<string, Uint8Array>> | null = null,
  /** Size of a file system of its own for the data folder, where one can be mounted. */
  disk: string | null = null,
): Promise<Setting> {
  const folder = await mkdtemp(join(tmpdir(), 'contigua-proof-'));
  await mkdir(join(folder, 'data'));
  const unmount = disk === null ? null : smallDisk(join(folder, 'data'), disk);
  const logPath = join(folder, 'steps.log');
  const models = own ? join(folder, 'models') : MODELS;
  const model = own ? 'own' : MODEL;
  for (const [path, bytes] of Object.entries(own ?? {})) {
    await mkdir(join(models, model), { recursive: true });
    await writeFile(join(models, model, path), bytes);
  }
  const url = `${pathToFileURL(join(models, model)).href}/`;
  const { summary } = await openModel({ files: await nodeFiles.openFolder(url), name: model });
  const fakeEnv = ({ stepMs = 1, bytes = 2000, engines = 'wasm', crashAt = '', failAt = '' }: FakeWork = work) => ({
    FAKE_LOG: logPath,
    FAKE_FINGERPRINT: summary.fingerprint,
    FAKE_BLOCKS: String(summary.numBlocks),
    FAKE_CONFIG: JSON.stringify(summary.config),
    FAKE_STEP_MS: String(stepMs),
    FAKE_BYTES: String(bytes),
    FAKE_ENGINES: engines,
    FAKE_CRASH_AT: crashAt,
    FAKE_FAIL_AT: failAt,
  });
  if (variables.DATABASE_URL === undefined) await copyFreshDatabase(join(folder, 'data'));
  const env = readEnv({ CONTIGUA_DATA: join(folder, 'data'), CONTIGUA_SLOTS: '2', ...variables }, models);
  const plan = buildPlan({
    model: summary,
    report: null,
    edits: runEdits(intervals, 'nothing'),
    detection: DEFAULT_DETECTION,
  });
  const sentences: string[] = [];
  return {
    folder,
    models,
    env,
    plan,
    sentences,
    fakeEnv,
    options: { timing: SHORT, startCompute: startFake(fakeEnv()), report: (sentence) => sentences.push(sentence) },
    request: (steps, more = {}) => ({
      modelId: `bundled/${model}`,
      plan,
      settings: {
        data: { kind: 'shapes' },
        distil: { ...DEFAULT_DISTIL, warmupSteps: 1, heldOutEvery: 20, checkpointEvery: 10, ...steps },
        fineTune: null,
        engine: 'auto',
        cacheBytes: 0,
        ...more,
      },
    }),
    async log() {
      const text = await readFile(logPath, 'utf8').catch(() => '');
      return text.split('\n').flatMap((line) => {
        const [, key, from, step, pid] = /^(\S+) (from )?(\d+) (\d+)$/.exec(line) ?? [];
        return key ? [{ key, step: Number(step), begins: from !== undefined, pid: Number(pid) }] : [];
      });
    },
    async hold(step) {
      await writeFile(`${logPath}.part`, String(step));
      await rename(`${logPath}.part`, `${logPath}.hold`);
    },
    letGo: () => rm(`${logPath}.hold`),
    stillborn: (set) => (set ? writeFile(`${logPath}.stillborn`, '') : rm(`${logPath}.stillborn`)),
    onSmallDisk: unmount !== null,
    async remove() {
      unmount?.();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

export const FINE_TUNE = { ...DEFAULT_FINE_TUNE, steps: 30, warmupSteps: 1, checkpointEvery: 10 };

export function startFake(env: Readonly<Record<string, string>>): StartCompute {
  return ({ threads }) => startComputeProcess({ threads, entry: FAKE_ENTRY, env });
}

/** The run's view once it is as wanted; the test's own time limit ends the waiting. */
export async function until(
  backend: Pick<Backend, 'viewRun'>,
  id: string,
  wanted: (view: RunView) => boolean,
): Promise<RunView> {
  for (;;) {
    const view = await backend.viewRun(id);
    if (wanted(view)) return view;
    await new Promise((go) => setTimeout(go, 60));
  }
}

export const isDone = ({ state }: RunView) => state === 'done';

/** Checksums of the trained files by job. */
export async function checksums(
  backend: { openTrained(id: string, key: string): Promise<{ readonly sha256: string }> },
  { id, jobs }: RunView,
): Promise<Record<string, string>> {
  const entries = await Promise.all(
    jobs.map(async ({ key }) => [key, (await backend.openTrained(id, key)).sha256] as const),
  );
  return Object.fromEntries(entries);
}

/** `kill -9` to one of them, by chance; false where it, or all, had ended by themselves. */
export function killOne(pids: readonly number[], random: SeededRandom): boolean {
  const pid = pids[random.integer(Math.max(1, pids.length))];
  if (pid === undefined) return false;
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch {
    return false;
  }
}

/**
 * A random moment of a run under way: mostly after some more steps, wherever between two checkpoints that is, and now and
 * then whatever happens to be going on, such as a process that starts. A run that is over makes no steps: it is not waited for.
 */
export async function randomMoment(setting: Pick<Setting, 'log'>, random: SeededRandom): Promise<void> {
  if (random.uniform() < 0.25) return await sleep(random.uniform() * 400);
  const lines = (await setting.log()).length + random.integer(50);
  for (const until = Date.now() + 20_000; Date.now() < until && (await setting.log()).length < lines; ) await sleep(10);
}

const sleep = (milliseconds: number) => new Promise<void>((go) => setTimeout(go, milliseconds));
