/** What a run of students, maps and shared modulations leaves, as a folder: it gives what the edits give in memory. */
import { expect, test } from 'vitest';
import { fileOf, oneHeadModel, openExported, TIMESTEPS } from '../../testing/narrower-blocks.ts';
import { syntheticCalibration } from '../capture/index.ts';
import { fingerprintOf, type NamedBlob } from '../checkpoint/index.ts';
import { trainedFileParts } from '../distil/student.ts';
import { editKey, editSetOf, ffnEdit, modulationEdit, runEdit, textStreamEdit } from '../edit/index.ts';
import { runParts, studentFolder } from '../export/index.ts';
import { tinyPlan } from '../export/plan-fixtures.ts';
import type { OpenModel } from '../folder/open-model.ts';
import { editableModel, editedModel, familyNamed } from '../model/config-index.ts';
import { countParameters, narrowBlocks, openTransformer, type WeightSet } from '../model/index.ts';
import { fitModulations, modulationsFile } from '../modulation/index.ts';
import type { PlannedWidthEdit } from '../plan/index.ts';
import { type JobView, jobKeyOf } from '../run/index.ts';
import { memoryStates } from '../states/index.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { fitWidth, mapFileParts, mapsOfEdit, mapsOnEngine } from '../width/index.ts';
import { openEdits, storeTrainedMaps, withModulations } from './index.ts';

const { config, checkpoint } = oneHeadModel(8);
const { family, width } = config;
const fingerprint = await fingerprintOf(familyNamed(family).identity, config.raw, checkpoint);
const calibration = syntheticCalibration(config, { samples: 12, timesteps: 3, seed: 2 });
const RUN = runEdit({ first: 2, last: 3 }, 'student');
const MAPPED = [
  textStreamEdit({ first: 1, last: 4 }),
  ffnEdit(2, 'image'),
  ffnEdit(5, 'image'),
  ffnEdit(5, 'text'),
] as const;
const SHARED = modulationEdit({ rank: 3 });

describePerEngine(['wasm'], 'a run with students, maps and shared modulations', () => {
  test('gives as a folder what it gives in memory, and refuses maps without what they were trained behind', async () => {
    const transformer = await openTransformer(config, checkpoint);
    const about = { fingerprint, family, width };
    // Another block in the place of both.
    const weights = await transformer.readBlock(6);
    const student = await fileOf(
      '2-3.safetensors',
      trainedFileParts(new Map(weights.entries()), {
        'contigua.kind': 'student',
        'contigua.interval': '2-3',
        'contigua.teacher': fingerprint,
        'contigua.family': family,
      }),
    );
    const edits = editSetOf([RUN, ...MAPPED], editableModel(config), 'the test');
    const fitted = { store: memoryStates(), owner: 'fitted' };
    const parts = { students: [{ ...RUN, weights }] };
    await fitWidth(transformer, calibration, edits, { ...fitted, parts });
    const narrow = narrowBlocks(transformer.architecture, edits);
    const files = new Map<string, NamedBlob>([['2-3', student]]);
    for (const edit of MAPPED) {
      const maps = [{ maps: mapsOfEdit(edit, narrow) }];
      files.set(jobKeyOf(edit), await fileOf(`${jobKeyOf(edit)}.safetensors`, mapFileParts(fitted, maps, about)));
    }
    const fit = await fitModulations({ config, checkpoint }, transformer, { blocks: 'all', timesteps: TIMESTEPS });
    files.set('modulations', modulationsFile([{ edit: SHARED, parts: fit.partsAt(3) }], about));

    const model = { config, checkpoint, summary: { fingerprint, family, width, numBlocks: 8, stacks: [] } };
    const opened = { ...model, summary: { ...model.summary, stacks: transformer.architecture.stacks } };
    const open = opened as unknown as OpenModel;
    const trained = MAPPED.map((edit) => ({ ...edit, file: files.get(jobKeyOf(edit))! }));
    const sources = [{ ...RUN, by: 'student' as const, file: student }, ...trained];
    const stored = { store: memoryStates(), owner: 'stored' };
    await storeTrainedMaps(open, trained, edits, stored);
    const { route } = await openEdits(
      open,
      sources,
      async () => () => undefined,
      async () => {
        const sets = new Map<number, WeightSet>();
        for (const { index, maps } of narrow.values()) {
          if (maps.length > 0) sets.set(index, await mapsOnEngine(stored, index, maps));
        }
        return sets;
      },
    );
    const shared = await withModulations(open, transformer, [SHARED], files.get('modulations')!);
    const inputs = calibration.batches[0]!;
    const inMemory = await shared.transformer.forward(inputs, route);
    const whole = await shared.transformer.forward(inputs);

    const planned = [...MAPPED, SHARED].map(
      (edit): PlannedWidthEdit => ({ ...edit, fitError: null, outputError: null }),
    );
    const jobs = [
      { key: '2-3', kind: 'student', edit: RUN },
      ...MAPPED.map((edit) => ({ key: jobKeyOf(edit), kind: 'maps', edit: null, narrow: [edit], fitError: 0.5 })),
      { key: 'modulations', kind: 'modulations', edit: null, narrow: [SHARED], fitError: 0.25 },
    ] as unknown as readonly JobView[];
    const run = { jobs, narrow: planned };
    const keys = jobs.map(({ key }) => key);
    const left = await runParts(run, keys, async (key) => files.get(key)!);
    expect(left?.edits.map((edit) => [editKey(edit), edit.fitError])).toContainEqual(['modulation rank 3', 0.25]);
    await expect(runParts(run, keys.slice(1), async (key) => files.get(key)!)).rejects.toThrow(
      /was trained with 2-3 in place/,
    );
    const folder = await studentFolder({
      teacher: { name: 'tiny', config, checkpoint, folder: '', companions: [] },
      plan: tinyPlan(config, fingerprint, [RUN]),
      students: [{ interval: RUN, file: student }],
      fineTuned: null,
      run: null,
      narrow: left!,
    });
    const exported = await openExported(folder);
    const all = editSetOf([RUN, ...MAPPED, SHARED], editableModel(config), 'the test');
    expect(countParameters(exported.config).total).toBe(editedModel(config, all).parameters);
    const asFolder = await exported.transformer.forward(inputs);
    for (const [i, value] of asFolder.entries()) expect(value).toBeCloseTo(inMemory[i]!, 4);
    // And it is not what the modulations alone give.
    expect(Math.max(...whole.map((value, i) => Math.abs(value - inMemory[i]!)))).toBeGreaterThan(0.05);
    exported.transformer.dispose();
    shared.dispose();
    transformer.dispose();
  });
});
