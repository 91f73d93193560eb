/** Jobs of edits that make blocks narrower: their order, what a killed one and a replaced student do, and what is refused. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  compareEdits,
  type Edit,
  ffnEdit,
  modulationEdit,
  runEdit,
  textStreamEdit,
  type WidthEdit,
} from '../core/edit/index.ts';
import type { PlannedEdit } from '../core/plan/index.ts';
import { DEFAULT_DISTIL, type RunView } from '../core/run/index.ts';
import type { Backend, RunRequest } from './backend.ts';
import { createBackend } from './create-backend.ts';
import { checksums, FINE_TUNE, isDone, makeSetting, type Setting, until } from './proof/setting.ts';

const FEW = { steps: 30, checkpointEvery: 5, heldOutEvery: 10 };
const RUN = { first: 2, last: 3 };
const GROUP = textStreamEdit({ first: 6, last: 8 });
const INSIDE = [ffnEdit(2, 'image'), ffnEdit(2, 'text')];
const BEFORE = [ffnEdit(0, 'image'), ffnEdit(0, 'text')];

let setting: Setting;
let backend: Backend;
beforeAll(async () => {
  // The process of the group dies once, and for good at each attempt unless a checkpoint is behind it.
  setting = await makeSetting({ stepMs: 2 });
  backend = await createBackend(setting.env, setting.options);
}, 600_000);
afterAll(async () => {
  await backend?.close();
  await setting?.remove();
});

function planned(edit: Edit): PlannedEdit {
  if (edit.on === 'run') return { ...edit, cka: null, removedError: null, outputError: null };
  return { ...edit, fitError: null, outputError: null };
}

function request(edits: readonly Edit[], more: Partial<RunRequest['settings']> = {}): RunRequest {
  const asked = setting.request(FEW, more);
  return { ...asked, plan: { ...asked.plan, edits: edits.toSorted(compareEdits).map(planned) } };
}

const all = [runEdit(RUN, 'nothing'), GROUP, ...INSIDE, ...BEFORE, modulationEdit({ rank: 8 })];
const keysOf = ({ jobs }: RunView) => jobs.map(({ key }) => key);
/** Place of the job's first or last step among all that were made. */
async function places(key: string): Promise<{ readonly first: number; readonly last: number }> {
  const steps = (await setting.log()).filter(({ begins }) => !begins);
  const own = steps.flatMap((step, place) => (step.key === key ? [place] : []));
  return { first: Math.min(...own), last: Math.max(...own) };
}

describe('edits that make blocks narrower', { timeout: 300_000 }, () => {
  it('are jobs that wait for what they rest on, and are trained on its files', async () => {
    const id = await backend.createRun(request(all, { narrow: { steps: 20, learningRate: 1e-4 } }));
    const view = await until(backend, id, isDone);
    expect(keysOf(view)).toEqual(['2-3', 'f0-image', 'f0-text', 'f2-image', 'f2-text', 't6-8', 'modulations']);
    expect(view.jobs.map(({ kind, step }) => [kind, step])).toEqual([
      ['student', 30],
      ...Array.from({ length: 5 }, () => ['maps', 20]),
      ['modulations', 20],
    ]);
    expect(view.jobs.map(({ kept, fitError }) => [kept, fitError])).toEqual([
      [undefined, undefined],
      ...Array.from({ length: 5 }, () => ['trained', 0.1]),
      ['start', 0.2],
    ]);
    expect(view.narrow?.map(({ on }) => on)).toEqual(['ffn', 'ffn', 'modulation', 'ffn', 'ffn', 'text-stream']);
    // Inside the run after its student, across it too, and the modulations last.
    const ends = await Promise.all(['2-3', 'f0-image', 'f0-text'].map(async (key) => (await places(key)).last));
    expect((await places('f2-image')).first).toBeGreaterThan(Math.max(...ends));
    expect((await places('t6-8')).first).toBeGreaterThan((await places('f2-text')).last);
    expect((await places('modulations')).first).toBeGreaterThan((await places('t6-8')).last);
    await backend.deleteRun(id);
  });

  it('go on from their checkpoint when their process is killed, to the same bytes', async () => {
    const undisturbed = await backend.createRun(request([...BEFORE, GROUP]));
    const wanted = await checksums(backend, await until(backend, undisturbed, isDone));
    const already = (await setting.log()).length;
    await setting.hold(12);
    const id = await backend.createRun(request([...BEFORE, GROUP]));
    await until(backend, id, ({ jobs }) => jobs.filter(({ checkpointStep }) => checkpointStep === 10).length === 2);
    const running = (await setting.log()).slice(already).filter(({ key }) => key.startsWith('f0'));
    for (const pid of new Set(running.map(({ pid }) => pid))) process.kill(pid, 'SIGKILL');
    await setting.letGo();
    const view = await until(backend, id, isDone);
    expect(view.jobs.map(({ key, attempt }) => [key, attempt])).toEqual([
      ['f0-image', 2],
      ['f0-text', 2],
      ['t6-8', 1],
    ]);
    expect(await checksums(backend, view)).toEqual(wanted);
    await backend.deleteRun(undisturbed);
    await backend.deleteRun(id);
  });

  it('are trained again when what they rest on is, and not otherwise', async () => {
    const id = await backend.createRun(request([runEdit(RUN, 'nothing'), ...INSIDE, ...BEFORE]));
    const before = await checksums(backend, await until(backend, id, isDone));
    await backend.retryJob(id, '2-3', true);
    await until(backend, id, ({ state }) => state !== 'done');
    const view = await until(backend, id, isDone);
    const again = view.jobs.filter(({ attempt }) => attempt > 1).map(({ key }) => key);
    expect(again).toEqual(['2-3', 'f2-image', 'f2-text']);
    expect(await checksums(backend, view)).toEqual(before);
    // Maps rest on the student that they were trained behind.
    await expect(backend.trySubset(id, ['f2-image'], false)).rejects.toThrow(/trained with (2-3|f0-image) in place/);
    await expect(backend.addInterval(id, { first: 0, last: 1 })).resolves.toBeUndefined();
    await backend.cancelRun(id).catch(() => undefined);
    await backend.deleteRun(id);
  });

  it('are fine-tuned together with students, last, and can be plugged in fine-tuned only together', async () => {
    const id = await backend.createRun(request(all, { fineTune: FINE_TUNE }));
    const before = await until(backend, id, isDone);
    expect(keysOf(before).at(-1)).toBe('fine-tune');
    expect((await places('fine-tune')).first).toBeGreaterThan((await places('modulations')).last);
    await expect(backend.trySubset(id, ['2-3'], true)).rejects.toThrow(/can only be plugged in together/);
    // It was trained from maps that are not those any more.
    await backend.retryJob(id, 't6-8', true);
    await until(backend, id, ({ state }) => state !== 'done');
    const view = await until(backend, id, isDone);
    const again = view.jobs.filter(({ attempt }) => attempt > 1).map(({ key }) => key);
    expect(again).toEqual(['t6-8', 'modulations', 'fine-tune']);
    await backend.deleteRun(id);
  });

  it('are fine-tuned from the modulations that were trained before, which are plugged in with the rest', async () => {
    const tunedAt = async (rank: number) => {
      const id = await backend.createRun(request([...BEFORE, modulationEdit({ rank })], { fineTune: FINE_TUNE }));
      const view = await until(backend, id, isDone);
      return { id, sums: await checksums(backend, view) };
    };
    const [first, again, other] = [await tunedAt(8), await tunedAt(8), await tunedAt(4)];
    expect(again.sums).toEqual(first.sums);
    expect(other.sums['f0-image']).toBe(first.sums['f0-image']);
    expect(other.sums['fine-tune']).not.toBe(first.sums['fine-tune']);
    const { id } = first;
    await backend.trySubset(id, ['f0-image', 'f0-text'], false);
    await backend.trySubset(id, ['f0-image', 'f0-text', 'modulations'], true);
    const { subsets } = await until(backend, id, (view) => view.subsets.length === 2);
    const errors = subsets.map(({ plugged, outputError }) => [plugged.length, outputError] as const);
    expect(Object.fromEntries(errors)).toEqual({ 2: 0.02, 3: 0.03 });
    for (const run of [first, again, other]) await backend.deleteRun(run.id);
  });

  it('are estimated with the weights, the optimizer and the time of what is left', async () => {
    // No run has had this batch: the pace is that of a timed forward, whatever is trained.
    const distil = { ...DEFAULT_DISTIL, ...FEW, batch: 3 };
    const settings = { distil, cacheBytes: 0, narrow: { steps: 20, learningRate: 1e-4 } };
    const of = (edits: readonly Edit[], more: Partial<RunRequest['settings']> = {}) =>
      backend.estimate(request(edits, { ...settings, ...more }));
    const tuned = (edits: readonly Edit[]) => of(edits, { fineTune: { ...FINE_TUNE, train: 'all', steps: 300 } });
    const width = 96;
    const run = runEdit(RUN, 'nothing');

    // The file, and three checkpoints of weights and two moments: ten float32 values for each that is trained.
    const eight = await tuned([run, modulationEdit({ rank: 8 })]);
    const sixteen = await tuned([run, modulationEdit({ rank: 16 })]);
    expect(sixteen.diskBytes - eight.diskBytes).toBe(4 * 10 * 2 * 8 * width);
    // Of two feed-forward layers, a map each is left: 8 D² + 5 D become D² + D. Before, two maps are trained, counted as students.
    const [whole, narrower] = [await tuned([run]), await tuned([run, ...INSIDE])];
    const model = (await backend.models()).find(({ fingerprint }) => fingerprint === setting.plan.model.fingerprint)!;
    const maps = 2 * model.costs.blockParameters[RUN.first]!;
    expect(whole.diskBytes - narrower.diskBytes).toBe(4 * (10 * 2 * (7 * width ** 2 + 4 * width) - maps));
    // In each of two processes, as several jobs train at once.
    expect(narrower.memoryBytes / 2).toBeLessThan(whole.memoryBytes);
    const secondsOfTuning = async (edits: readonly Edit[]) => (await tuned(edits)).seconds - (await of(edits)).seconds;
    expect(await secondsOfTuning([run, ...INSIDE])).toBeLessThan(await secondsOfTuning([run]));

    // Modulations alone are trained through the whole model: no block is, and no states of the teacher are kept.
    const alone = await of([modulationEdit({ rank: 8 })], { cacheBytes: 2 ** 30 });
    expect(alone.teacher).toMatchObject({ windows: 0, wantedBytes: 0, keptBytes: 0 });
    const longer = await of([modulationEdit({ rank: 8 })], { narrow: { ...settings.narrow, steps: 40 } });
    expect(longer.seconds / alone.seconds).toBeCloseTo(2, 6);
    // And every one of the 16 blocks keeps what its backward needs, where a student does so alone.
    const memoryOfBatch = async (edits: readonly Edit[]) =>
      (await of(edits, { distil: { ...distil, batch: 67 } })).memoryBytes - (await of(edits)).memoryBytes;
    expect(await memoryOfBatch([modulationEdit({ rank: 8 })])).toBeGreaterThan(10 * (await memoryOfBatch([run])));
  });

  const refused: readonly (readonly [string, readonly WidthEdit[], Partial<RunRequest['settings']>, RegExp])[] = [
    ['where no class reads what is left', [ffnEdit(0, 'image')], {}, /No class of diffusers or PPCL holds these edits/],
    ['at a block that the model has not', [ffnEdit(40, 'image')], {}, /The model has no such block/],
  ];
  for (const [what, edits, settings, message] of refused) {
    it(`are refused ${what}`, async () => {
      const runs = (await backend.listRuns()).length;
      await expect(backend.createRun(request(edits, settings))).rejects.toThrow(message);
      expect(await backend.listRuns()).toHaveLength(runs);
    });
  }
});
