/**
 * What the user asks of a new run, and the request that it makes. The model on the page lives in the browser; the run
 * needs the same one on the server, known by its fingerprint. Pure.
 */
import type { Plan } from '@/lib/core/plan/plan.ts';
import {
  DEFAULT_CACHE_BYTES,
  DEFAULT_DISTIL,
  DEFAULT_FINE_TUNE,
  type DistilSettings,
  defaultLearningRate,
  type FineTuneSettings,
  type RunSettings,
  type TrainingData,
} from '@/lib/core/run/index.ts';
import type { RunRequest, ServerModel } from '../api/run-api.ts';

export interface DistilForm {
  /** Empty: the server names it. */
  readonly name: string;
  readonly data: TrainingData['kind'];
  /** Of the server's calibration files. */
  readonly file: string | null;
  readonly distil: DistilSettings;
  readonly fineTuned: boolean;
  readonly fineTune: FineTuneSettings;
  readonly engine: RunSettings['engine'];
  readonly cacheBytes: number;
}

/** Of the server's models, the one that the plan is for; of several copies the first. */
export function modelOf(models: readonly ServerModel[], plan: Plan): ServerModel | null {
  return models.find(({ fingerprint }) => fingerprint === plan.model.fingerprint) ?? null;
}

/** The grammar where the model has it, else the first calibration file, else noise. */
export function defaultForm(model: ServerModel, width: number): DistilForm {
  const [file = null] = model.calibrations;
  const learningRate = defaultLearningRate(width);
  return {
    name: '',
    data: model.drawable ? 'shapes' : file ? 'file' : 'synthetic',
    file,
    distil: { ...DEFAULT_DISTIL, learningRate },
    fineTuned: false,
    // As much slower than the students as the sample model's.
    fineTune: {
      ...DEFAULT_FINE_TUNE,
      learningRate: learningRate * (DEFAULT_FINE_TUNE.learningRate / DEFAULT_DISTIL.learningRate),
    },
    engine: 'auto',
    cacheBytes: DEFAULT_CACHE_BYTES,
  };
}

export function withDistil(form: DistilForm, change: Partial<DistilSettings>): DistilForm {
  return { ...form, distil: { ...form.distil, ...change } };
}

export function withFineTune(form: DistilForm, change: Partial<FineTuneSettings>): DistilForm {
  return { ...form, fineTune: { ...form.fineTune, ...change } };
}

/**
 * Steps of warm-up that a run of these settings has: never more than it trains. The form keeps what was asked for, so that
 * "30" on the way to "3000" steps shortens nothing for good.
 */
export function warmupOf({ warmupSteps, steps }: Pick<DistilSettings, 'warmupSteps' | 'steps'>): number {
  return Math.min(warmupSteps, steps);
}

export function requestOf(form: DistilForm, model: ServerModel, plan: Plan): RunRequest | null {
  const data = dataOf(form);
  if (!data) return null;
  const { fineTuned, engine, cacheBytes } = form;
  const distil = { ...form.distil, warmupSteps: warmupOf(form.distil) };
  // One seed for everything that is drawn by chance.
  const fineTune = fineTuned ? { ...form.fineTune, warmupSteps: warmupOf(form.fineTune), seed: distil.seed } : null;
  const name = form.name.trim();
  return {
    ...(name === '' ? {} : { name }),
    modelId: model.id,
    plan,
    settings: { data, distil, fineTune, engine, cacheBytes },
  };
}

/** Null while a file is asked for and there is none. */
function dataOf({ data, file }: DistilForm): TrainingData | null {
  if (data !== 'file') return { kind: data };
  return file === null ? null : { kind: 'file', path: file };
}
