/**
 * Which students are plugged in on a run's page. The choice lives in the address (`plug`), so that it survives a reload
 * and travels in a link; by default every student there is. Costs follow by arithmetic, quality is looked up. Pure.
 */
import { compareEdits, type Edit } from '@/lib/core/edit/index.ts';
import { removedCount, sumOverRemoved } from '@/lib/core/interval/index.ts';
import { editedModel, type ModelConfig, parseModelConfig } from '@/lib/core/model/config-index.ts';
import {
  apartFrom,
  type DescribedModel,
  type JobView,
  type RunView,
  type SubsetView,
  subsetKey,
} from '@/lib/core/run/index.ts';
import type { Subset } from './run-events.ts';

export type { Subset };

export interface PluggedChoice {
  /** Null: all students there are. */
  readonly keys: readonly string[] | null;
  readonly fineTuned: boolean;
}

export const ALL_PLUGGED: PluggedChoice = { keys: null, fineTuned: false };
const FINE_TUNED = 'fine-tuned';
const NONE = 'none';

export function readPlugged(param: string | null): PluggedChoice {
  if (param === FINE_TUNED) return { keys: null, fineTuned: true };
  if (param === NONE) return { keys: [], fineTuned: false };
  const keys =
    param?.split('.').filter((key) => /^(t?\d{1,4}-\d{1,4}|f\d{1,4}-[A-Za-z][\w-]{0,63}|modulations)$/.test(key)) ?? [];
  return keys.length > 0 ? { keys, fineTuned: false } : ALL_PLUGGED;
}

/** Null where the address need not say. */
export function writePlugged({ keys, fineTuned }: PluggedChoice): string | null {
  if (fineTuned) return FINE_TUNED;
  if (keys === null) return null;
  return keys.length === 0 ? NONE : keys.join('.');
}

/** What can be plugged in: students, in order of depth, then maps and modulations. */
export const students = (view: Pick<RunView, 'jobs'>): readonly JobView[] =>
  view.jobs.filter(({ kind, state }) => kind !== 'fine-tune' && state === 'done');

/** Without maps and modulations that were trained with something in place which is not among the keys. */
function standing({ jobs }: Pick<RunView, 'jobs'>, keys: readonly string[]): readonly string[] {
  const apart = apartFrom(jobs, keys);
  return apart
    ? standing(
        { jobs },
        keys.filter((key) => key !== apart.key),
      )
    : keys;
}

/** The fine-tuned whole is made of every student, so it exists once its job is done. */
export const hasFineTuned = (view: Pick<RunView, 'jobs'>): boolean =>
  view.jobs.some(({ kind, state }) => kind === 'fine-tune' && state === 'done');

/** What is really plugged in: of the choice, the students that there are. */
export function presentSubset(view: Pick<RunView, 'jobs'>, { keys, fineTuned }: PluggedChoice): Subset {
  const all = students(view).map(({ key }) => key);
  if (fineTuned && hasFineTuned(view)) return { plugged: all, fineTuned: true };
  const asked = keys === null ? all : all.filter((key) => keys.includes(key));
  return { plugged: standing(view, asked), fineTuned: false };
}

/** With one student plugged in or taken out; the fine-tuned model gives way to the students as they were trained. */
export function withStudent(
  view: Pick<RunView, 'jobs'>,
  choice: PluggedChoice,
  key: string,
  on: boolean,
): PluggedChoice {
  const { plugged } = presentSubset(view, choice);
  const all = students(view).map((job) => job.key);
  const keys = all.filter((other) => (other === key ? on : plugged.includes(other)));
  return { keys: keys.length === all.length ? null : keys, fineTuned: false };
}

export const choiceOf = (view: Pick<RunView, 'jobs'>, { plugged, fineTuned }: Subset): PluggedChoice => ({
  keys: fineTuned || plugged.length === students(view).length ? null : plugged,
  fineTuned,
});

export function measuredSubset(view: Pick<RunView, 'subsets'>, subset: Subset): SubsetView | null {
  return view.subsets.find((known) => subsetKey(known) === subsetKey(subset)) ?? null;
}

export interface SubsetCost {
  readonly blocks: number;
  /** Null where narrower blocks are plugged into a model whose config the run does not hold: one of an earlier version. */
  readonly parameters: number | null;
  readonly flopsPerForward: number | null;
}

/** Each plugged student stands for its whole interval: the others of its blocks go. Maps and modulations make blocks narrower. */
export function subsetCost({ model, jobs }: Pick<RunView, 'model' | 'jobs'>, { plugged }: Subset): SubsetCost {
  const { blockParameters, flopsPerForward, flopsPerBlock } = model.costs;
  const chosen = jobs.filter(({ key }) => plugged.includes(key));
  const edits = chosen.flatMap(({ edit }) => (edit ? [edit] : []));
  const narrow = chosen.flatMap((job) => job.narrow ?? []);
  const blocks = model.numBlocks - removedCount(edits);
  if (narrow.length > 0) return { blocks, ...narrowedCost(model, [...edits, ...narrow]) };
  return {
    blocks,
    parameters: model.parameters - sumOverRemoved(edits, blockParameters),
    flopsPerForward: flopsPerForward - sumOverRemoved(edits, flopsPerBlock),
  };
}

function narrowedCost({ described }: RunView['model'], edits: readonly Edit[]): Omit<SubsetCost, 'blocks'> {
  if (!described) return { parameters: null, flopsPerForward: null };
  const { config, tokensPerForward } = described;
  const { parameters, flops } = editedModel(configOf(config), edits.toSorted(compareEdits));
  return { parameters, flopsPerForward: flops(tokensPerForward) };
}

/** What the model loses by one job alone; null as for `subsetCost`. */
export function savedBy(view: Pick<RunView, 'model' | 'jobs'>, key: string): number | null {
  const { parameters } = subsetCost(view, { plugged: [key], fineTuned: false });
  return parameters === null ? null : view.model.parameters - parameters;
}

const configs = new WeakMap<object, ModelConfig>();

function configOf(raw: DescribedModel['config']): ModelConfig {
  const config = configs.get(raw) ?? parseModelConfig(JSON.stringify(raw), 'config.json');
  configs.set(raw, config);
  return config;
}

/** "3–4, 7–10", "the teacher", "fine-tuned whole": a subset in words. */
export function subsetWords({ plugged, fineTuned }: Subset): string {
  if (fineTuned) return 'fine-tuned whole';
  return plugged.length === 0 ? 'the teacher' : plugged.map((key) => key.replace('-', '–')).join(', ');
}
