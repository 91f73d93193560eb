/**
 * Does width do for us what it does for the paper? The planner's choice at a share of the parameters from runs of blocks alone, then
 * with each further kind of edit allowed as well, with students in the place of runs and everything else in closed form; and the last
 * of them jointly fine-tuned as a whole.
 */
import { damageInputsOf } from '../lib/core/analysis/index.ts';
import { calibrationFor } from '../lib/core/capture/index.ts';
import { DEFAULT_DETECTION, earlyWeighted, widthCandidates } from '../lib/core/detection/index.ts';
import { type EditSet, editSetOf, formatEditParam, modulationEdit, runEdit } from '../lib/core/edit/index.ts';
import type { StudentEdit } from '../lib/core/edited-model/index.ts';
import { editableModel, editedModel } from '../lib/core/model/index.ts';
import {
  type BudgetPlanner,
  budgetPlanner,
  FREE_RULES,
  measuredRank,
  modulationOffers,
  type PlannedKind,
  type PlanPoint,
  type WidthOffer,
  whyNoOffers,
  widthOffers,
} from '../lib/core/planner/index.ts';
import { relativeError, relativeErrorBounds, type SampleError } from '../lib/core/relative-error.ts';
import type { AnalysisReport, WidthDamage } from '../lib/core/report/index.ts';
import { measureWidth } from '../lib/core/width/index.ts';
import { CALIBRATION, calibrationText } from './calibration.ts';
import type { StudySettings } from './experiments.ts';
import { fineTuned } from './fine-tuned.ts';
import { measuredOf } from './ledger.ts';
import { type NarrowedModel, narrowedModel } from './narrow-model.ts';
import { fittedModulations } from './narrow-start.ts';
import { type Pictures, type Sample, type StudentSettings, settingsText } from './sample.ts';

/** Of the whole model's parameters. */
export const SHARES = [0.5, 0.4, 0.3] as const;

interface Arm {
  readonly name: string;
  readonly allow: readonly PlannedKind[];
  readonly isTuned?: boolean;
}

const ARMS: readonly Arm[] = [
  { name: 'depth alone', allow: ['run'] },
  { name: '+ text stream', allow: ['run', 'text'] },
  { name: '+ feed-forward', allow: ['run', 'text', 'ffn'] },
  { name: '+ modulation', allow: ['run', 'text', 'ffn', 'modulation'] },
  { name: '+ joint fine-tune', allow: ['run', 'text', 'ffn', 'modulation'], isTuned: true },
];

type ArmEdits = Pick<PlanPoint, 'edits' | 'width'>;

export interface WidthRow {
  readonly arm: string;
  readonly share: number;
  /** As in addresses; runs are students. */
  readonly plan: string;
  readonly edits: ArmEdits;
  readonly parameters: number;
  /** What the planner expects of the output, before any training. */
  readonly predicted: number;
  readonly seed: number;
  readonly sampleErrors: readonly SampleError[];
  readonly pictures: Pictures;
}

export async function widthRows(
  sample: Sample,
  measured: AnalysisReport,
  settings: StudySettings,
  arms: readonly Arm[] = ARMS,
): Promise<WidthRow[]> {
  const report = { ...measured, width: await widthDamages(sample, measured) };
  const offers = [...widthOffers(report), ...(await offeredRanks(sample, report))];
  const planned = SHARES.flatMap((share) =>
    arms.flatMap((arm) => {
      const point = plannerOf(sample, report, arm, offers)(share);
      return point ? [{ arm, share, point }] : [];
    }),
  );
  // Seed by seed: a study that is cut off has measured every arm once before one of them twice.
  const rows = settings.seeds.flatMap((seed) =>
    planned.map((asked) => () => rowOf(sample, settings, { ...asked, seed })),
  );
  return await measuredOf(rows);
}

export interface WidthLevelRow extends Pick<WidthRow, 'arm' | 'share' | 'plan' | 'pictures'> {
  /** The output error at each of the sample's noise levels, the cleanest first. */
  readonly levels: readonly number[];
}

/** Where in the noise the choices of `widthRows` err that are not fine-tuned, with students of the first seed. */
export async function widthLevels(
  sample: Sample,
  report: AnalysisReport,
  settings: StudySettings,
): Promise<WidthLevelRow[]> {
  const first = { ...settings, seeds: settings.seeds.slice(0, 1) };
  const arms = ARMS.filter(({ isTuned }) => !isTuned);
  const measured = (await widthRows(sample, report, first, arms)).map((row) => async (): Promise<WidthLevelRow> => {
    const distil = { ...settings.distil, seed: row.seed };
    const levels = await sample.ledger.once(`levels of ${narrowName(row.plan, distil)}`, async () => {
      const { transformer, route, dispose } = await openArm(sample, row.edits, distil);
      try {
        return await sample.levelErrorsOf(route, transformer);
      } finally {
        dispose();
      }
    });
    return { ...row, levels };
  });
  return await measuredOf(measured);
}

/** Every text group and feed-forward layer alone, where the model's structure allows them. */
async function widthDamages(sample: Sample, report: AnalysisReport): Promise<WidthDamage[]> {
  const { config } = sample.model;
  const edits = (['text-all', 'ffn'] as const).flatMap((which) => widthCandidates(which, report, config));
  if (edits.length === 0) return [];
  return await sample.ledger.once(`width damages of ${edits.length} edits${calibrationText()}`, async () => {
    const calibration = await calibrationFor(sample.model, CALIBRATION);
    return await measureWidth(sample.transformer, calibration, damageInputsOf(calibration, []), edits);
  });
}

/** Shared modulations at several ranks, where the family has modulations that the timestep alone decides. */
async function offeredRanks(sample: Sample, report: AnalysisReport): Promise<WidthOffer[]> {
  const { config, drawer, summary } = sample.model;
  if (!drawer || whyNoOffers('modulation', report, summary)) return [];
  const rank = measuredRank(config);
  const choice = { students: [], width: [modulationEdit({ rank })] };
  const { errors, sampleErrors, byLevel } = await sample.ledger.once(
    `modulations of rank ${rank}, by level`,
    async () => {
      const fit = await fittedModulations(sample.model, sample.model, sample.transformer, modulationEdit({ rank }));
      const { transformer, dispose } = await narrowedModel(sample, choice);
      try {
        return {
          errors: Array.from(fit.errors),
          sampleErrors: await sample.sampleErrorsOf(undefined, transformer),
          byLevel: await sample.levelErrorsOf(undefined, transformer),
        };
      } finally {
        dispose();
      }
    },
  );
  const outputError = relativeError(sampleErrors) ?? Number.NaN;
  return modulationOffers({
    ...{ width: config.width, errors, rank, outputError, earlyError: earlyWeighted(sample.levels, byLevel) },
    bounds: relativeErrorBounds(sampleErrors),
  });
}

/** Null for a share that no plan of these kinds meets, or where a kind of the arm is not on offer. */
function plannerOf(
  sample: Sample,
  report: AnalysisReport,
  arm: Arm,
  offers: readonly WidthOffer[],
): (share: number) => PlanPoint | null {
  const { summary } = sample.model;
  const kinds = kindsOf(arm, (kind) => kind === 'run' || whyNoOffers(kind, report, summary) === null);
  if (!kinds) return () => null;
  const planner: BudgetPlanner = budgetPlanner({
    model: summary,
    report,
    detection: DEFAULT_DETECTION,
    budget: { kind: 'params', dtype: null },
    rules: { ...FREE_RULES, by: 'student', allow: kinds, offers },
  });
  return (share) => {
    const limit = share * planner.scale.before;
    return limit < planner.least ? null : planner.best({ kind: 'params', limit: { amount: limit }, dtype: null });
  };
}

/**
 * The kinds of an arm that the family has. Null where the one that the arm adds is not among them: its plans would be those of the arm
 * before it. What is fine-tuned has all kinds there are.
 */
export function kindsOf(
  { allow, isTuned = false }: Pick<Arm, 'allow' | 'isTuned'>,
  isOffered: (kind: PlannedKind) => boolean,
): PlannedKind[] | null {
  const kinds = allow.filter(isOffered);
  return isTuned || kinds.at(-1) === allow.at(-1) ? kinds : null;
}

async function rowOf(
  sample: Sample,
  settings: StudySettings,
  {
    arm,
    share,
    point,
    seed,
  }: { readonly arm: Arm; readonly share: number; readonly point: PlanPoint; readonly seed: number },
): Promise<WidthRow> {
  const distil = { ...settings.distil, seed };
  const plan = formatEditParam([...point.edits, ...point.width], 'student');
  const about = { arm: arm.name, share, plan, edits: point, predicted: point.damage, seed };
  const drawn = { captions: settings.captions.claim, steps: settings.drawingSteps };
  const drawing = `${drawn.captions} captions, ${drawn.steps} steps`;
  if (arm.isTuned) {
    const tuning = { ...settings.fineTune, seed };
    const name = `${narrowName(plan, distil)}, fine-tuned ${settingsText(tuning)}, ${drawing}`;
    // Under a name that needs no trained file: what the ledger holds is read where those are gone.
    const found = await sample.ledger.once(name, async () => {
      const students = await studentsOf(sample, point, distil);
      const tuned = await fineTuned(sample, students, tuning, point.width);
      const { parameters } = editedModel(sample.model.config, editsOf(sample, point));
      return { parameters, sampleErrors: await tuned.sampleErrors(), pictures: await tuned.pictures(drawn) };
    });
    return { ...about, ...found };
  }
  const found = await sample.ledger.once(`${narrowName(plan, distil)}, ${drawing}`, async () => {
    const { transformer, route, parameters, dispose } = await openArm(sample, point, distil);
    try {
      return {
        parameters,
        sampleErrors: await sample.sampleErrorsOf(route, transformer),
        pictures: await sample.picturesOf(route, drawn, transformer),
      };
    } finally {
      dispose();
    }
  });
  return { ...about, ...found };
}

/** Names an arm that is not fine-tuned in the ledger. */
function narrowName(plan: string, distil: StudentSettings): string {
  return `narrow ${plan}${calibrationText()}, ${settingsText(distil)}`;
}

async function openArm(sample: Sample, edits: ArmEdits, distil: StudentSettings): Promise<NarrowedModel> {
  return await narrowedModel(sample, { students: await studentsOf(sample, edits, distil), width: edits.width });
}

/** Trains those that were not trained before. */
async function studentsOf(sample: Sample, { edits }: ArmEdits, distil: StudentSettings): Promise<StudentEdit[]> {
  const students: StudentEdit[] = [];
  for (const { first, last } of edits) students.push((await sample.student({ first, last }, distil)).edit);
  return students;
}

function editsOf({ model }: Sample, { edits, width }: PlanPoint): EditSet {
  const runs = edits.map((run) => runEdit(run, 'student'));
  return editSetOf([...runs, ...width], editableModel(model.config), 'the arm');
}
