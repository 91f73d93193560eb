/**
 * `npm run study`: does this PPCL do on the sample model what the paper's does on large ones? Measures what is not yet in
 * the folder's ledger and writes the tables of docs/study.md. Cut off, it goes on where it was.
 */
import { parseArgs } from 'node:util';
import { WANTED_ENGINES } from '../lib/core/tensor/engine.ts';
import { Study, type StudySettings } from './experiments.ts';
import { Lab } from './lab.ts';
import { NOTHING_YET, type StudyTables, writeTables } from './tables.ts';

const { values } = parseArgs({
  options: {
    folder: { type: 'string', default: '.contigua/study' },
    model: { type: 'string', default: 'public/models/shapes-mmdit' },
    engine: { type: 'string', default: 'auto' },
    processes: { type: 'string', default: '2' },
    threads: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '0,1,2' },
    steps: { type: 'string', default: '1500' },
    'ablation-steps': { type: 'string', default: '200' },
    'learning-rate': { type: 'string', default: '1e-2' },
    'distinct-batches': { type: 'string', default: '400' },
    'fine-tune-learning-rate': { type: 'string', default: '1e-3' },
    'fine-tune-steps': { type: 'string', default: '300' },
    pictures: { type: 'string', default: '48' },
    'few-pictures': { type: 'string', default: '12' },
    parts: { type: 'string', default: 'depths,fine-tune,rules,ablation,subsets,removal' },
    out: { type: 'string', default: 'docs/study.md' },
  },
});
const settings: StudySettings = {
  seeds: values.seeds.split(',').map(Number),
  depths: [2, 4, 6, 8],
  steps: Number(values.steps),
  ablationSteps: Number(values['ablation-steps']),
  learningRate: Number(values['learning-rate']),
  distinctBatches: Number(values['distinct-batches']),
  fineTuneLearningRate: Number(values['fine-tune-learning-rate']),
  fineTuneSteps: Number(values['fine-tune-steps']),
  pictures: Number(values.pictures),
  fewPictures: Number(values['few-pictures']),
};
const engine = WANTED_ENGINES.find((name) => name === values.engine);
if (!engine) throw new RangeError(`--engine is one of ${WANTED_ENGINES.join(', ')}`);

const lab = await Lab.open({
  model: values.model,
  folder: values.folder,
  engine,
  processes: Number(values.processes),
  threads: Number(values.threads),
  cacheBytes: 20 * 2 ** 30,
});
try {
  console.error(`engine: ${lab.device}`);
  const study = new Study(lab, await lab.analyse(), settings);
  const parts = new Set(values.parts.split(','));
  const teacher = await study.teacher();
  const half = study.numBlocks / 2;
  /** In order of what is wanted most, should the time not suffice. */
  const experiments: Record<string, () => Promise<Partial<StudyTables>>> = {
    depths: async () => ({ depths: await study.depths() }),
    'fine-tune': async () => ({ fineTuned: await study.jointly() }),
    rules: async () => ({ rules: await study.rules(half) }),
    ablation: async () => ({ ablation: await study.ablation() }),
    subsets: async () => ({ subsets: await study.subsets(settings.seeds[0] ?? 0) }),
    removal: async () => ({ removal: await study.removal() }),
  };
  let tables: StudyTables = { settings, device: lab.device, teacher, ...NOTHING_YET };
  for (const [name, measure] of Object.entries(experiments)) {
    if (!parts.has(name)) continue;
    tables = { ...tables, ...(await measure()) };
    await writeTables(values.out, tables);
  }
} finally {
  lab.close();
}
