/**
 * A run with a student, linear maps and several shared modulations, a table among them, from the first training to the exported
 * folder, through the tasks of a compute process and for teachers as people store them.
 */
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openFile } from '../core/checkpoint/index.ts';
import { goldenBatch } from '../core/distil/goldens/golden-distil.ts';
import { ffnEdit, modulationEdit, runEdit } from '../core/edit/index.ts';
import { openFineTunedRoute, withModulations } from '../core/edited-model/index.ts';
import { runParts, studentFolder } from '../core/export/index.ts';
import { tinyPlan } from '../core/export/plan-fixtures.ts';
import { openModel } from '../core/folder/open-model.ts';
import { openTransformer } from '../core/model/index.ts';
import { relativeError, sampleErrors } from '../core/relative-error.ts';
import {
  DEFAULT_DISTIL,
  DEFAULT_FINE_TUNE,
  FINE_TUNE_KEY,
  type JobView,
  jobKeyOf,
  MODULATIONS_KEY,
} from '../core/run/index.ts';
import { oneHeadModel, openExported } from '../testing/narrower-blocks.ts';
import { STORAGES, storedAs } from '../testing/stored-as.ts';
import { nodeEngines } from './engines/node-engines.ts';
import { nodeFiles } from './folder/node-files.ts';
import { createTasks } from './tasks.ts';

const model = oneHeadModel(5);
const { config } = model;
const RUN = runEdit({ first: 1, last: 2 }, 'student');
const FFNS = [ffnEdit(0, 'image'), ffnEdit(0, 'text')];
const TABLE = [1, 0.5];
const SHARED = [
  modulationEdit({ rank: 2 }, [0, 1]),
  modulationEdit({ table: TABLE }, [3]),
  modulationEdit({ rank: 1 }, [4]),
];
const short = { steps: 4, batch: 2, warmupSteps: 1, checkpointEvery: 2 };
const settings = { ...DEFAULT_DISTIL, ...short, heldOutSamples: 4, heldOutEvery: 2 };
const data = { kind: 'synthetic' } as const;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-narrow-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each(STORAGES)('a teacher stored as %s', (storage) => {
  test('is fine-tuned with maps and several modulations, and leaves as a folder what it gives in memory', async () => {
    const files = await storedAs(model, storage);
    const tasks = createTasks({ engines: nodeEngines(), files: nodeFiles });
    const context = { signal: new AbortController().signal, onProgress: () => {} };
    await tasks.startEngine({ wanted: 'wasm' }, context);
    await tasks.openModel({ source: { kind: 'files', name: 'tiny', files } }, context);
    const saveTo = async (key: string) => {
      await mkdir(join(folder, storage, key), { recursive: true });
      return pathToFileURL(join(folder, storage, key)).href;
    };
    const source = ({ url }: { readonly url: string }) => ({ path: 'file.safetensors', url });
    const blobOf = async ({ url }: { readonly url: string }) => ({
      path: 'file.safetensors',
      blob: new Blob([await readFile(new URL(url))]),
    });

    const common = { settings, data, cache: null, resume: null };
    const student = await tasks.distil({ ...common, edit: RUN, before: [], saveTo: await saveTo('1-2') }, context);
    const trained = [{ ...RUN, by: 'student' as const, file: source(student.student) }];
    const maps = [];
    for (const edit of FFNS) {
      const found = await tasks.trainMaps(
        { ...common, edit, restsOn: [], saveTo: await saveTo(jobKeyOf(edit)) },
        context,
      );
      maps.push({ ...edit, file: source(found.student) });
    }
    const edits = [...trained, ...maps];
    const shared = await tasks.trainModulations(
      { settings, data, resume: null, edits: SHARED, restsOn: edits, saveTo: await saveTo('modulations') },
      context,
    );
    const modulations = { edits: SHARED, file: source(shared.student) };
    const { student: tuned } = await tasks.fineTune(
      {
        edits,
        modulations,
        settings: { ...DEFAULT_FINE_TUNE, ...short, steps: 20, learningRate: 3e-3 },
        data,
        resume: null,
        saveTo: await saveTo('fine-tune'),
      },
      context,
    );

    const measured = { probes: null, pictures: 1, steps: 1, guidance: 1, seed: 1, data };
    const before = await tasks.tryEdits({ ...measured, edits, fineTuned: null, modulations }, context);
    const fineTuned = source(tuned);
    const whole = { edits: SHARED, file: fineTuned };
    const after = await tasks.tryEdits({ ...measured, edits, fineTuned, modulations: whole }, context);
    expect(after.outputError).toBeLessThan(0.95 * before.outputError);

    // The table is written as it was found, and both bases are trained.
    const [start, joint] = [await openFile(await blobOf(shared.student)), await openFile(await blobOf(tuned))];
    const same = async (name: string) =>
      Buffer.compare(Buffer.from(await start.readBytes(name)), Buffer.from(await joint.readBytes(name))) === 0;
    expect(await same('modulation.1.conditioning')).toBe(true);
    for (const place of [0, 2]) expect([place, await same(`modulation.${place}.basis`)]).toEqual([place, false]);

    const teacher = await openModel({ files, name: 'tiny' });
    const { fingerprint } = teacher.summary;
    const transformer = await openTransformer(teacher.config, teacher.checkpoint);
    const opened = await Promise.all(edits.map(async (edit) => ({ ...edit, file: await blobOf(edit.file) })));
    const file = await blobOf(tuned);
    const { route, dispose } = await openFineTunedRoute(teacher, opened, async () => file, SHARED);
    const withShared = await withModulations(teacher, transformer, SHARED, file);
    // Blocks that read a table know its timesteps alone.
    const inputs = { ...goldenBatch(0, [0, TABLE.length]), timestep: Float32Array.from(TABLE) };
    const inMemory = await withShared.transformer.forward(inputs, route);
    const differenceOf = (found: Float32Array) => relativeError(sampleErrors(inMemory, found, inputs.batch))!;
    // Far from what the teacher gives, so that both agree on what is trained.
    expect(differenceOf(await transformer.forward(inputs))).toBeGreaterThan(0.05);

    const keys = [...edits.map(jobKeyOf), MODULATIONS_KEY];
    const narrow = [...FFNS, ...SHARED].map((edit) => ({ ...edit, fitError: null, outputError: null }));
    const jobs = [
      { key: jobKeyOf(RUN), kind: 'student', edit: RUN },
      ...FFNS.map((edit) => ({ key: jobKeyOf(edit), kind: 'maps', edit: null, narrow: [edit] })),
      { key: MODULATIONS_KEY, kind: 'modulations', edit: null, narrow: SHARED },
      { key: FINE_TUNE_KEY, kind: 'fine-tune', edit: null },
    ] as unknown as readonly JobView[];
    const parts = await runParts({ jobs, narrow }, keys, async () => file, file);
    for (const [dtype, tolerance] of [
      ['F32', 1e-5],
      ['teacher', storage === 'F32' ? 1e-5 : 0.005],
    ] as const) {
      const left = await studentFolder({
        teacher: { name: 'tiny', config, checkpoint: teacher.checkpoint, folder: '', companions: [] },
        plan: tinyPlan(config, fingerprint, [RUN]),
        students: [{ interval: RUN, file: await blobOf(student.student) }],
        fineTuned: file,
        run: null,
        narrow: parts!,
        dtype,
      });
      const exported = await openExported(left);
      expect([dtype, differenceOf(await exported.transformer.forward(inputs))]).toEqual([
        dtype,
        expect.toSatisfy((error) => error < tolerance),
      ]);
      exported.transformer.dispose();
    }
    withShared.dispose();
    dispose();
    transformer.dispose();
  });
});
