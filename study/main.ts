/**
 * `npm run study`: does this PPCL do on the sample model what the paper's does on large ones? Measures what is not yet in
 * the folder's ledger and writes the tables of docs/study.md. Cut off, it goes on where it was.
 */
import { parseArgs } from 'node:util';
import { Study, type StudySettings } from './experiments.ts';
import { Lab } from './lab.ts';
import { writeTables } from './tables.ts';

const { values } = parseArgs({
  options: {
    folder: { type: 'string', default: '.contigua/study' },
    model: { type: 'string', default: 'public/models/shapes-mmdit' },
    engine: { type: 'string', default: 'auto' },
    processes: { type: 'string', default: '2' },
    threads: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '0,1,2' },
    steps: { type: 'string', default: '1500' },
    'ablation-steps': { type: 'string', default: '500' },
    'learning-rate': { type: 'string', default: '1e-2' },
    'distinct-batches': { type: 'string', default: '400' },
    'fine-tune-learning-rate': { type: 'string', default: '1e-3' },
    'fine-tune-steps': { type: 'string', default: '1000' },
    pictures: { type: 'string', default: '64' },
    'few-pictures': { type: 'string', default: '16' },
    parts: { type: 'string', default: 'removal,depths,ablation,rules,subsets,fine-tune' },
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
const ENGINES = ['auto', 'tensorflow', 'webgpu', 'wasm', 'cpu'] as const;
const engine = ENGINES.find((name) => name === values.engine);
if (!engine) throw new RangeError(`--engine is one of ${ENGINES.join(', ')}`);

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
  const tables = {
    settings,
    device: lab.device,
    teacher,
    removal: parts.has('removal') ? await study.removal() : [],
    depths: parts.has('depths') ? await study.depths() : [],
    fineTuned: parts.has('fine-tune') ? await study.jointly() : [],
    ablation: parts.has('ablation') ? await study.ablation() : [],
    rules: parts.has('rules') ? [...(await study.rules(4)), ...(await study.rules(study.numBlocks / 2))] : [],
    subsets: parts.has('subsets') ? await study.subsets(settings.seeds[0] ?? 0) : [],
  };
  await writeTables(values.out, tables);
} finally {
  lab.close();
}
