/**
 * The choice and how it is read, as search parameters: what a reload or a shared link restores. The model goes by the
 * first digits of its fingerprint, so a link opened on another model can say so. Default settings are left out. Pure.
 */
import type { DamageScore, DetectionSettings } from '@/lib/core/detection/index.ts';
import { DAMAGE_SCORES } from '@/lib/core/detection/index.ts';
import { replacementWord } from '@/lib/core/edit/index.ts';
import { isInRange, type NumberRange } from '@/lib/core/number-range.ts';
import {
  BUDGET_DTYPES,
  BUDGET_KINDS,
  type BudgetDtype,
  type BudgetKind,
  PLANNED_KINDS,
  type PlannedKind,
  takesDtype,
} from '@/lib/core/planner/index.ts';
import { SEED_RANGE } from '@/lib/core/random.ts';
import type { Rows } from '@/lib/core/report/report.ts';
import { type LimitsChoice, limitsFrom, limitsText } from './analysis-limits.ts';
import { type CalibrationChoice, calibrationFrom, calibrationText, DEFAULT_CALIBRATION } from './calibration.ts';
import { PAGE_REPLACEMENTS } from './edits.ts';
import { NOISES } from './noise.ts';
import { DEFAULT_PLANNER } from './planner.ts';
import { DEFAULT_SETTINGS, type Settings } from './settings.ts';

/** Hex digits of the fingerprint in a link: enough that no two models a person has will share them. */
const MODEL_DIGITS = 12;
const BUDGET_DTYPE_NAMES = Object.keys(BUDGET_DTYPES) as readonly BudgetDtype[];
/** Which blocks there are, the model says. */
const BLOCK_RANGE: NumberRange = { min: 0, max: 999_999, whole: true };

export interface LinkState {
  /** Leading hex digits of the fingerprint, or null in a link that names no model. */
  readonly model: string | null;
  /** Chosen edits as text (`3-4.5-7p`), to be read once the model's number of blocks is known. */
  readonly cut: string;
  readonly settings: Settings;
  readonly plans: LinkedPlans;
  /** A file cannot travel in a link, only the digits that name its content. */
  readonly calibration: CalibrationChoice;
  readonly limits: LimitsChoice;
  /** Null when the link does not say. */
  readonly prompt: string | null;
  readonly seed: number | null;
}

/** What the planner is asked for. Blocks and edits are text, to be read once the model's number of blocks is known. */
export interface LinkedPlans {
  readonly budget: { readonly kind: BudgetKind; readonly value: string; readonly dtype: BudgetDtype | null };
  readonly allow: readonly PlannedKind[];
  /** `0-2,58` */
  readonly locked: string;
  readonly forbidden: string;
  /** `3-4.5-7p`; null where nothing is kept. */
  readonly kept: string | null;
}

export function modelDigits(fingerprint: string): string {
  return fingerprint.replace(/^sha256:/, '').slice(0, MODEL_DIGITS);
}

/** What addresses of earlier versions leave out: their default. */
const UNSAID_SCORE: DamageScore = 'cka';

export function writeLink(link: LinkState): URLSearchParams {
  const params = new URLSearchParams();
  const set = (name: string, value: string, byDefault: string) => {
    if (value !== byDefault) params.set(name, value);
  };
  const { settings, calibration, plans } = link;
  const { detection } = settings;
  if (link.model) params.set('model', link.model);
  // Always beside a model: earlier versions, whose addresses say nothing of it, took similarities over all tokens.
  set('rows', detection.rows, link.model ? '' : DEFAULT_SETTINGS.detection.rows);
  set('cut', link.cut, '');
  set('cka', detection.estimator, DEFAULT_SETTINGS.detection.estimator);
  set('stream', detection.streams, DEFAULT_SETTINGS.detection.streams);
  set('start', detection.start, DEFAULT_SETTINGS.detection.start);
  set('target', detection.target, DEFAULT_SETTINGS.detection.target);
  // Always beside a model: addresses that name one and say nothing of it were ranked by similarity.
  set('rank', settings.score, link.model ? UNSAID_SCORE : DEFAULT_SETTINGS.score);
  set('by', replacementWord(settings.replaceBy), replacementWord(DEFAULT_SETTINGS.replaceBy));
  set('u', String(settings.startBlock), String(DEFAULT_SETTINGS.startBlock));
  set('colours', settings.colours, DEFAULT_SETTINGS.colours);
  set('scale', settings.scale, DEFAULT_SETTINGS.scale);
  set('delta', settings.differences, DEFAULT_SETTINGS.differences);
  set('noise', settings.noise, DEFAULT_SETTINGS.noise);
  set('budget', budgetText(plans.budget), budgetText(DEFAULT_PLANNER));
  set('allow', plans.allow.join('.'), DEFAULT_PLANNER.allow.join('.'));
  set('lock', plans.locked, '');
  set('forbid', plans.forbidden, '');
  if (plans.kept !== null) params.set('keep', plans.kept);
  // Always: a reload must find the analysis on these inputs among others that are kept.
  params.set('inputs', calibrationText(calibration));
  set('limits', limitsText(link.limits), '');
  if (link.prompt !== null) params.set('prompt', link.prompt);
  if (link.seed !== null) params.set('seed', String(link.seed));
  return params;
}

/** Whatever a link says that is not understood falls back to the default: only `cut` decides what is downloaded. */
export function readLink(params: URLSearchParams): LinkState {
  const one = <T extends string>(name: string, values: readonly T[], byDefault: T): T =>
    values.find((value) => value === params.get(name)) ?? byDefault;
  const { detection } = DEFAULT_SETTINGS;
  const model = params.get('model')?.match(/^[0-9a-f]{1,64}$/)?.[0] ?? null;
  return {
    model,
    cut: params.get('cut') ?? '',
    settings: {
      detection: {
        rows: one<Rows>('rows', ['held-out', 'all'], model === null ? detection.rows : 'all'),
        estimator: one<DetectionSettings['estimator']>('cka', ['debiased', 'biased'], detection.estimator),
        // Which streams there are, the model says (see withKnownStream).
        streams: params.get('stream') ?? detection.streams,
        start: one<DetectionSettings['start']>('start', ['block-u', 'probe-u'], detection.start),
        target: one<DetectionSettings['target']>('target', ['teacher-after-k', 'teacher-after-u'], detection.target),
      },
      score: one(
        'rank',
        DAMAGE_SCORES.map(({ name }) => name),
        model === null ? DEFAULT_SETTINGS.score : UNSAID_SCORE,
      ),
      replaceBy: PAGE_REPLACEMENTS.find((by) => replacementWord(by) === params.get('by')) ?? DEFAULT_SETTINGS.replaceBy,
      startBlock: wholeNumber(params.get('u'), BLOCK_RANGE) ?? DEFAULT_SETTINGS.startBlock,
      colours: one<Settings['colours']>('colours', ['viridis', 'cividis'], DEFAULT_SETTINGS.colours),
      scale: one<Settings['scale']>('scale', ['full', 'data'], DEFAULT_SETTINGS.scale),
      differences: one<Settings['differences']>('delta', ['run', 'all'], DEFAULT_SETTINGS.differences),
      noise: one('noise', NOISES, DEFAULT_SETTINGS.noise),
    },
    plans: {
      budget: linkedBudget(params.get('budget') ?? ''),
      allow: linkedKinds(params.get('allow')),
      locked: params.get('lock') ?? '',
      forbidden: params.get('forbid') ?? '',
      kept: params.get('keep'),
    },
    calibration: statedInputs(params) ?? DEFAULT_CALIBRATION,
    limits: limitsFrom(params.get('limits') ?? ''),
    prompt: params.get('prompt'),
    seed: wholeNumber(params.get('seed'), SEED_RANGE),
  };
}

/** Null in an address that states none, as those of version 1 do for the default inputs. */
export function statedInputs(params: URLSearchParams): CalibrationChoice | null {
  return calibrationFrom(params.get('inputs') ?? '');
}

/** `params-60%`, `memory-24GB@bf16`: an equals sign would be escaped in an address. */
function budgetText({ kind, value, dtype }: LinkedPlans['budget']): string {
  return `${kind}-${value.replace(/\s/g, '')}${dtype === null ? '' : `@${dtype}`}`;
}

function linkedBudget(text: string): LinkedPlans['budget'] {
  const [, name, value, type] = /^([a-z]{1,10})-([^@]{1,20})(?:@([a-z0-9]{1,8}))?$/.exec(text) ?? [];
  const kind = BUDGET_KINDS.find((one) => one === name);
  const dtype = BUDGET_DTYPE_NAMES.find((one) => one === type) ?? null;
  if (kind === undefined || value === undefined) return pickBudget(DEFAULT_PLANNER);
  return { kind, value, dtype: takesDtype(kind) ? dtype : null };
}

function linkedKinds(text: string | null): readonly PlannedKind[] {
  if (text === null) return DEFAULT_PLANNER.allow;
  const words = text.split('.');
  return PLANNED_KINDS.filter((kind) => words.includes(kind));
}

function pickBudget({ kind, value, dtype }: LinkedPlans['budget']): LinkedPlans['budget'] {
  return { kind, value, dtype };
}

/** True when a link's digits name this model, or no model at all. */
export function linkFits(model: string | null, fingerprint: string): boolean {
  return model === null || fingerprint.replace(/^sha256:/, '').startsWith(model);
}

/** Null where there is none, or one outside the range. */
function wholeNumber(text: string | null, range: NumberRange): number | null {
  const isInside = text !== null && /^\d{1,10}$/.test(text) && isInRange(Number(text), range);
  return isInside ? Number(text) : null;
}
