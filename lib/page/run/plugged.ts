/**
 * Which students, maps and modulations are plugged in on a run's page. The choice lives in the address (`plug`), so that it
 * survives a reload and travels in a link; by default everything there is. Costs follow by arithmetic, quality is looked up. Pure.
 */
import { compareEdits, type Edit } from '@/lib/core/edit/index.ts';
import { removedCount, sumOverRemoved } from '@/lib/core/interval/index.ts';
import { editedModel, editedReader, type ModelConfig, parseModelConfig } from '@/lib/core/model/config-index.ts';
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
  /** Null: everything that is trained. */
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
export const trainedParts = (view: Pick<RunView, 'jobs'>): readonly JobView[] =>
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

/** What is really plugged in: of the choice, what is trained and stands on what it was trained with. */
export function presentSubset(view: Pick<RunView, 'jobs'>, { keys, fineTuned }: PluggedChoice): Subset {
  const all = trainedParts(view).map(({ key }) => key);
  if (fineTuned && hasFineTuned(view)) return { plugged: all, fineTuned: true };
  const asked = keys === null ? all : all.filter((key) => keys.includes(key));
  return { plugged: standing(view, asked), fineTuned: false };
}

/**
 * With one of them plugged in, and what it was trained with, or taken out, and what was trained with it. The fine-tuned model gives way
 * to its parts as they were trained.
 */
export function withPart(view: Pick<RunView, 'jobs'>, choice: PluggedChoice, key: string, on: boolean): PluggedChoice {
  const { plugged } = presentSubset(view, choice);
  const all = trainedParts(view).map((job) => job.key);
  const wanted = on ? withTrainedWith(view, [...plugged, key]) : plugged.filter((other) => other !== key);
  const keys = presentSubset(view, { keys: wanted, fineTuned: false }).plugged;
  return { keys: keys.length === all.length ? null : keys, fineTuned: false };
}

/** With everything that maps and modulations among the keys were trained with. */
function withTrainedWith({ jobs }: Pick<RunView, 'jobs'>, keys: readonly string[]): readonly string[] {
  const apart = apartFrom(jobs, keys);
  return apart ? withTrainedWith({ jobs }, [...keys, apart.without]) : keys;
}

export const choiceOf = (view: Pick<RunView, 'jobs'>, { plugged, fineTuned }: Subset): PluggedChoice => ({
  keys: fineTuned || plugged.length === trainedParts(view).length ? null : plugged,
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
export function subsetCost({ model, jobs }: Pick<RunView, 'model' | 'jobs'>, subset: Subset): SubsetCost {
  const { blockParameters, flopsPerForward, flopsPerBlock, parametersAtEnd, flopsAtEnd } = model.costs;
  const { edits, narrow } = pluggedEdits(jobs, subset);
  const blocks = model.numBlocks - removedCount(edits);
  if (narrow.length > 0) return { blocks, ...narrowedCost(model, [...edits, ...narrow]) };
  return {
    blocks,
    parameters: model.parameters - sumOverRemoved(edits, blockParameters, parametersAtEnd),
    flopsPerForward: flopsPerForward - sumOverRemoved(edits, flopsPerBlock, flopsAtEnd),
  };
}

function pluggedEdits(jobs: RunView['jobs'], { plugged }: Subset) {
  const chosen = jobs.filter(({ key }) => plugged.includes(key));
  return {
    edits: chosen.flatMap(({ edit }) => (edit ? [edit] : [])),
    narrow: chosen.flatMap((job) => job.narrow ?? []),
  };
}

/**
 * What reads the model once narrower blocks are plugged in, in sentences, or why it cannot be written. Null without narrower blocks, and
 * where diffusers' own class reads it.
 */
export function readerWords({ model, jobs }: Pick<RunView, 'model' | 'jobs'>, subset: Subset): string | null {
  const { edits, narrow } = pluggedEdits(jobs, subset);
  if (narrow.length === 0 || !model.described) return null;
  const told = editedReader(configOf(model.described.config), [...edits, ...narrow].toSorted(compareEdits));
  // Model cards are Markdown.
  return 'why' in told ? told.why : (told.reader?.about.replaceAll('`', '') ?? null);
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

const PART_KINDS = ['student', 'text group', 'feed-forward layer', 'modulations', 'fine-tune'] as const;
type PartKind = (typeof PART_KINDS)[number];

function partKind({ kind, narrow = [] }: Pick<JobView, 'kind' | 'narrow'>): PartKind {
  if (kind !== 'maps') return kind;
  return narrow.some(({ on }) => on === 'text-stream') ? 'text group' : 'feed-forward layer';
}

const counted = (count: number, noun: string) => `${noun}${count === 1 ? '' : 's'}`;
const LIST = new Intl.ListFormat('en-GB');

/** "2 of 3 students, 1 of 1 text group, shared modulations": of each kind that was trained, how much is plugged in. */
export function pluggedWords(view: Pick<RunView, 'jobs'>, { plugged }: Subset): string {
  const parts = trainedParts(view);
  return PART_KINDS.flatMap((kind) => {
    const all = parts.filter((job) => partKind(job) === kind);
    const own = all.filter(({ key }) => plugged.includes(key));
    if (all.length === 0) return [];
    // All shared modulations of a run are one part.
    if (kind === 'modulations') return own.length > 0 ? ['shared modulations'] : ['no shared modulations'];
    return [`${own.length} of ${all.length} ${counted(all.length, kind)}`];
  }).join(', ');
}

/** "2 students, 1 text group and the shared modulations": all that is trained, the fine-tuned model included; '' for nothing. */
export function trainedWords({ jobs }: Pick<RunView, 'jobs'>): string {
  const done = jobs.filter(({ state }) => state === 'done');
  const words = PART_KINDS.flatMap((kind) => {
    const { length } = done.filter((job) => partKind(job) === kind);
    if (length === 0) return [];
    if (kind === 'modulations') return ['the shared modulations'];
    return kind === 'fine-tune' ? ['the fine-tuned model'] : [`${length} ${counted(length, kind)}`];
  });
  return LIST.format(words);
}
