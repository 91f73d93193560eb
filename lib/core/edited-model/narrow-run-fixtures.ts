/** A run of a tiny model with a student, maps and shared modulations, as its jobs leave it. */
import { fileOf, oneHeadModel, TIMESTEPS } from '../../testing/narrower-blocks.ts';
import { syntheticCalibration } from '../capture/index.ts';
import { fingerprintOf, type NamedBlob } from '../checkpoint/index.ts';
import { trainedFileParts } from '../distil/student.ts';
import { editSetOf, ffnEdit, modulationEdit, runEdit, textStreamEdit } from '../edit/index.ts';
import type { OpenModel } from '../folder/open-model.ts';
import { editableModel, familyNamed } from '../model/config-index.ts';
import { narrowBlocks, openTransformer } from '../model/index.ts';
import { fitModulations, modulationsFile } from '../modulation/index.ts';
import type { PlannedWidthEdit } from '../plan/index.ts';
import { type JobView, jobKeyOf } from '../run/index.ts';
import { memoryStates } from '../states/index.ts';
import { fitWidth, mapFileParts, mapsOfEdit } from '../width/index.ts';

export const { config, checkpoint } = oneHeadModel(8);
const { family, width } = config;
export const fingerprint = await fingerprintOf(familyNamed(family).identity, config.raw, checkpoint);
export const calibration = syntheticCalibration(config, { samples: 12, timesteps: 3, seed: 2 });
export const RUN = runEdit({ first: 2, last: 3 }, 'student');
export const MAPPED = [
  textStreamEdit({ first: 1, last: 4 }),
  ffnEdit(2, 'image'),
  ffnEdit(5, 'image'),
  ffnEdit(5, 'text'),
] as const;
export const SHARED = modulationEdit({ rank: 3 });
/** All but the shared modulations. */
export const EDITS = editSetOf([RUN, ...MAPPED], editableModel(config), 'the test');

/** `files` are what the jobs trained, by key; the transformer is the caller's. */
export async function narrowRun() {
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
  const fitted = { store: memoryStates(), owner: 'fitted' };
  await fitWidth(transformer, calibration, EDITS, { ...fitted, parts: { students: [{ ...RUN, weights }] } });
  weights.dispose();
  const narrow = narrowBlocks(transformer.architecture, EDITS);
  const files = new Map<string, NamedBlob>([['2-3', student]]);
  for (const edit of MAPPED) {
    const maps = [{ maps: mapsOfEdit(edit, narrow) }];
    files.set(jobKeyOf(edit), await fileOf(`${jobKeyOf(edit)}.safetensors`, mapFileParts(fitted, maps, about)));
  }
  await fitted.store.dispose();
  const fit = await fitModulations({ config, checkpoint }, transformer, { blocks: 'all', timesteps: TIMESTEPS });
  files.set('modulations', modulationsFile([{ edit: SHARED, parts: fit.partsAt(3) }], about));
  const { stacks } = transformer.architecture;
  const summary = { fingerprint, family, width, numBlocks: 8, stacks };
  const jobs = [
    { key: '2-3', kind: 'student', edit: RUN },
    ...MAPPED.map((edit) => ({ key: jobKeyOf(edit), kind: 'maps', edit: null, narrow: [edit], fitError: 0.5 })),
    { key: 'modulations', kind: 'modulations', edit: null, narrow: [SHARED], fitError: 0.25 },
  ] as unknown as readonly JobView[];
  return {
    transformer,
    model: { config, checkpoint, summary } as unknown as OpenModel,
    student,
    files,
    sources: [
      { ...RUN, by: 'student' as const, file: student },
      ...MAPPED.map((edit) => ({ ...edit, file: files.get(jobKeyOf(edit))! })),
    ],
    run: {
      jobs,
      narrow: [...MAPPED, SHARED].map((edit): PlannedWidthEdit => ({ ...edit, fitError: null, outputError: null })),
    },
    keys: jobs.map(({ key }) => key),
  };
}
