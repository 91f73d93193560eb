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
import type { RunView } from '../core/run/index.ts';
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
