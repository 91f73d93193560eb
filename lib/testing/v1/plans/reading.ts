/** What a plan means, as plain facts. Where the types of plans change, this file alone follows; the facts stay. */
import { formatEditParam, type RunReplacement } from '../../../core/edit/index.ts';
import { formatLayerIndex } from '../../../core/interval/index.ts';
import { seamsOf } from '../../../core/model/config-index.ts';
import { parseRunPlan } from '../../../core/plan/index.ts';
import type { ReportSettings, Rows, SplitFacts } from '../../../core/report/index.ts';

export function planFacts(text: string, file: string) {
  return factsOf(parseRunPlan(text, file));
}

/** Version 1's words for what stands in for the blocks of a run. */
const WORDS: Readonly<Record<RunReplacement, string>> = {
  nothing: 'removed',
  probes: 'probes',
  linear: 'linear',
  student: 'students',
};

export function factsOf(plan: ReturnType<typeof parseRunPlan>) {
  const { model, edits, blocks, parameters, blockMap, calibration, settings } = plan;
  const { name, fingerprint, className, family, numBlocks, stacks } = model;
  const seams = seamsOf(stacks);
  return {
    createdWith: plan.createdWith,
    createdAt: plan.createdAt ?? null,
    model: { name, fingerprint, className, family, numBlocks, ...(seams.length > 0 ? { seams } : {}) },
    /** What stands in for all but the first block of every interval. */
    replacement: WORDS[byOf(plan)],
    intervals: edits.map(({ first, last, cka, removedError }) => ({ first, last, cka, removedError })),
    blocks,
    parameters,
    /** By old block: its new number, or null where it goes. */
    newBlocks: blockMap.map((entry) => entry.new),
    fates: blockMap.map(({ fate }) => fate),
    calibration: calibration && factsOfCalibration(calibration),
    settings: settings && factsOfSettings(settings),
    layerIndex: formatLayerIndex(edits),
    link: formatEditParam(edits, byOf(plan)),
  };
}

/** Plans of version 1 had one replacement for all runs. One without runs says nothing of it any more, which changes nothing. */
function byOf({ edits }: ReturnType<typeof parseRunPlan>): RunReplacement {
  const [by = 'nothing', ...others] = new Set(edits.map((edit) => edit.by));
  if (others.length > 0) throw new Error(`One replacement for all runs, found ${[by, ...others].join(', ')}`);
  return by;
}

/** Version 1 did not say which file the inputs came from; that is null now. */
export function factsOfCalibration<C extends { readonly file: unknown }>({ file, ...rest }: C) {
  if (file !== null) throw new Error(`A calibration of version 1 names no file, found ${JSON.stringify(file)}`);
  return rest;
}

/** How samples were held out, how many of them damage was measured on and over which tokens similarities were taken went without saying in version 1. */
export function factsOfSettings<S extends ReportSettings & { readonly rows?: Rows; readonly split: SplitFacts }>(
  all: S,
) {
  const { split, damageSamples, rows = 'all', ...rest } = all;
  if (split.rule !== 'golden-ratio' || damageSamples !== 8 || rows !== 'all') {
    throw new Error(`Found ${split.rule}, ${damageSamples} samples, ${rows} rows`);
  }
  return { ...rest, heldOutShare: split.share };
}
