/**
 * `npm run study`: does this PPCL do on the sample models what the paper's does on large ones, and which score says
 * beforehand what pruning will cost? Measures what is not yet in the folder's ledgers, part by part in order of what is
 * wanted most, and writes the tables of docs/study.md and docs/damage-scores.md. Cut off, it goes on where it was;
 * `--only-read` writes the tables of what is there. Start it several times on one folder to share the work.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseIntervalKeys } from '../lib/core/interval/index.ts';
import { countParameters } from '../lib/core/model/index.ts';
import type { AnalysisReport } from '../lib/core/report/index.ts';
import { WANTED_ENGINES } from '../lib/core/tensor/engine.ts';
import { pluggedRow, Study, type StudySettings } from './experiments.ts';
import { everyInterval } from './intervals.ts';
import { measuredOf } from './ledger.ts';
import { mixesOf } from './mixed-plans.ts';
import { mixedTables } from './mixed-tables.ts';
import { scoreQualityOf, writeScoreQuality } from './quality-file.ts';
import { RECIPES, recipeRows } from './recipes.ts';
import { shareTable } from './run-shares.ts';
import { Sample } from './sample.ts';
import { measuredReport, reportScores, scoresOf, truthsOf } from './score-quality.ts';
import {
  additionTable,
  choiceTable,
  costText,
  intervalTable,
  measuredText,
  planScores,
  planTable,
} from './score-tables.ts';
import type { ScoreValues } from './score-values.ts';
import { SETTINGS, settingsLines } from './settings.ts';
import { aloneTable, formulaTable, type StudentAlone, studentsAlone } from './students-alone.ts';
import { armTable, differenceTable, removalTable, subsetTable, widthLevelTable, widthTable } from './study-tables.ts';
import { superposedScores } from './superposition.ts';
import { writeTables } from './tables.ts';
import { truthDepths } from './truths.ts';
import { wholeNumber, wholeNumbers } from './whole-numbers.ts';
import { widthLevels, widthRows } from './width-arms.ts';

const PARTS =
  'truths,addition,scores,mixed,half,sequential,fine-tune,differences,depths,shares,alone,removal,subsets,width,width-levels'.split(
    ',',
  );
/** Asked for by name; they write no table. */
const TRIALS = ['recipes', 'given', 'quality'];

const { values } = parseArgs({
  options: {
    folder: { type: 'string', default: '.contigua/study' },
    /** Published results, a file per model, which are not measured again on the engine that they are of; "" for none. */
    published: { type: 'string', default: 'study/published' },
    models: { type: 'string', default: 'shapes-mmdit,shapes-flux' },
    engine: { type: 'string', default: 'auto' },
    threads: { type: 'string', default: '1' },
    parts: { type: 'string', default: PARTS.join(',') },
    'only-read': { type: 'boolean', default: false },
    /** The score whose least total is an arm of the study; squared with ² at its end. */
    best: { type: 'string', default: '' },
    /** How many of the choices, in their order, are also trained sequentially and fine-tuned. */
    compared: { type: 'string', default: '2' },
    /** Which ways of choosing intervals are measured; all of them where nothing is named. */
    choices: { type: 'string', default: '' },
    /** Of the part `depths`: how many blocks are out. */
    depths: { type: 'string', default: SETTINGS.depths.join(',') },
    /** Of the part `given`: "0-3,4-6,12-15". */
    plan: { type: 'string', default: '' },
    /** Of the part `recipes`. */
    intervals: { type: 'string', default: '2-4,8-10,12-13' },
    recipes: { type: 'string', default: Object.keys(RECIPES).join(';') },
    docs: { type: 'string', default: 'docs' },
    /** Of the part `quality`: what the page and the terminal say of scores. */
    quality: { type: 'string', default: 'lib/core/detection/score-quality-measured.ts' },
  },
});
const engine = WANTED_ENGINES.find((name) => name === values.engine);
if (!engine) throw new RangeError(`--engine is one of ${WANTED_ENGINES.join(', ')}`);
const parts = values.parts.split(',');
const chosen = values.choices === '' ? null : values.choices.split(',');
const settings: StudySettings = {
  ...SETTINGS,
  depths: wholeNumbers('--depths', values.depths, { min: 1, max: Number.POSITIVE_INFINITY }),
};
const threads = wholeNumber('--threads', values.threads, { min: 1, max: Number.POSITIVE_INFINITY });
const compared = wholeNumber('--compared', values.compared, { min: 0, max: Number.POSITIVE_INFINITY });
const known = [...PARTS, ...TRIALS];
const unknown = parts.find((part) => !known.includes(part));
if (unknown) throw new RangeError(`No part "${unknown}"; there are ${known.join(', ')}`);
/** Of the models so far: formulas are held against one another. */
const alone = new Map<string, readonly StudentAlone[]>();
const reports = new WeakMap<Sample, ReturnType<typeof measuredReport>>();
const [studyPage, scoresPage] = [join(values.docs, 'study.md'), join(values.docs, 'damage-scores.md')];

for (const name of values.models.split(',')) {
  const sample = await Sample.open({
    model: `public/models/${name}`,
    folder: join(values.folder, name),
    ...(values.published !== '' && { published: join(values.published, `${name}.jsonl`) }),
    engine,
    threads,
    cacheBytes: 20 * 2 ** 30,
    onlyReads: values['only-read'],
  });
  console.error(`${name}: ${sample.device}`);
  // A model keeps a block at least.
  wholeNumbers('--depths', values.depths, { min: 1, max: sample.numBlocks - 1 });
  for (const part of parts) await runPart(sample, name, part);
}

async function runPart(sample: Sample, name: string, part: string): Promise<void> {
  if (part === 'truths') {
    await truthsOf(sample);
    return;
  }
  if (part === 'recipes') {
    const intervals = parseIntervalKeys(values.intervals, sample.model.summary, '--intervals');
    await measuredOf([() => recipeRows(sample, values.recipes.split(';'), intervals)]);
    return;
  }
  if (part === 'given') {
    const intervals = parseIntervalKeys(values.plan, sample.model.summary, '--plan');
    const asked = { arm: 'given', intervals, seed: SETTINGS.seeds[0] ?? 0, captions: SETTINGS.captions.claim };
    const rows = await measuredOf([() => pluggedRow(sample, SETTINGS, asked)]);
    console.log(armTable(rows, new Map()));
    return;
  }
  if (part === 'mixed') {
    await writeTables(join(values.docs, 'planner.md'), { [`${name} mixed`]: mixedTables(await mixesOf(sample)) });
    return;
  }
  if (part === 'addition') {
    await writeTables(scoresPage, { [`${name} addition`]: additionTable(await truthsOf(sample)) });
    return;
  }
  const report = await reported(sample);
  if (part === 'quality') {
    const truths = await truthsOf(sample);
    await writeScoreQuality(
      values.quality,
      name,
      scoreQualityOf(await scoresOf(sample, report, truths.intervals), truths),
    );
    return;
  }
  if (part === 'scores') {
    const truths = await truthsOf(sample);
    const scores = await scoresOf(sample, report, truths.intervals);
    const depths = truthDepths(sample.numBlocks);
    const differences = await superposedScores(sample);
    await writeTables(scoresPage, {
      [`${name} measured`]: measuredText(truths, everyInterval(sample.model.summary.stacks).length),
      [`${name} intervals`]: intervalTable(scores, truths),
      [`${name} plans`]: planTable(planScores(scores, differences, truths), truths),
      [`${name} cost`]: costText(differences),
      [`${name} choices`]: await choiceTable(sample, scores, depths),
    });
    return;
  }
  if (part === 'alone') {
    const distil = { ...SETTINGS.distil, seed: SETTINGS.seeds[0] ?? 0 };
    alone.set(name, await studentsAlone(sample, report, distil));
    const isOfTwo = [...alone.values()].filter((rows) => rows.length > 0).length > 1;
    await writeTables(join(values.docs, 'planner.md'), {
      [`${name} alone`]: aloneTable(alone.get(name) ?? []),
      // Formulas are held against another model's runs.
      ...(isOfTwo && { 'students alone': formulaTable(alone) }),
    });
    return;
  }
  const study = new Study(sample, report, await bestOf(sample, report), settings, chosen);
  const { captions } = SETTINGS;
  const teachers = new Map(
    (await measuredOf([captions.claim, captions.arm, captions.few].map((count) => () => study.teacher(count)))).map(
      (row) => [row.pictures.held.length, row] as const,
    ),
  );
  if (part === 'shares') {
    const plugged = [...(await study.atHalf()), ...(await study.depths())];
    await writeTables(join(values.docs, 'planner.md'), {
      [`${name} shares`]: shareTable(plugged, (await truthsOf(sample)).plans, report),
    });
    return;
  }
  const names = study.choices.slice(0, compared).map((choice) => choice.name);
  const tables: Record<string, () => Promise<string>> = {
    half: async () => armTable(await study.atHalf(), teachers),
    sequential: async () => armTable(await study.sequential(names), teachers),
    'fine-tune': async () => armTable(await study.jointly(names), teachers),
    differences: async () => {
      const rows = [await study.atHalf(), await study.sequential(names), await study.jointly(names)].flat();
      const teacher = teachers.get(captions.claim);
      return teacher ? differenceTable(rows, teacher.pictures) : 'Not measured yet.';
    },
    depths: async () => armTable(await study.depths(), teachers),
    removal: async () => removalTable(await study.removal()),
    subsets: async () => subsetTable(await study.subsets(names[0] ?? '')),
    width: async () => {
      const rows = await widthRows(sample, report, SETTINGS);
      const teacher = teachers.get(captions.claim);
      return teacher
        ? widthTable(rows, teacher.pictures, countParameters(sample.model.config).total)
        : 'Not measured yet.';
    },
    'width-levels': async () => {
      const rows = await widthLevels(sample, report, SETTINGS);
      const teacher = teachers.get(captions.claim);
      return teacher ? widthLevelTable(rows, teacher.pictures) : 'Not measured yet.';
    },
  };
  await writeTables(studyPage, {
    [`${name} settings`]: settingsLines(sample.device),
    [`${name} ${part}`]: await tables[part]!(),
  });
}

/** The analysis of the day, once per model. */
function reported(sample: Sample): ReturnType<typeof measuredReport> {
  const known = reports.get(sample) ?? measuredReport(sample);
  reports.set(sample, known);
  return known;
}

/** Brief students are trained only for a score that the report does not say by itself. */
async function bestOf(sample: Sample, report: AnalysisReport): Promise<ReadonlyMap<string, number> | null> {
  if (values.best === '') return null;
  const isBest = ({ name }: ScoreValues) => name === values.best.replace(/²$/, '');
  const score =
    reportScores(report).find(isBest) ??
    (await scoresOf(sample, report, (await truthsOf(sample)).intervals)).find(isBest);
  if (!score) throw new RangeError(`No score "${values.best}"`);
  return values.best.endsWith('²') ? new Map([...score.values].map(([key, value]) => [key, value ** 2])) : score.values;
}
