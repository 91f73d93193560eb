/** Measures what a choice of students gives: pictures and facts where the model draws, output error and time always. */
import type { SubsetMeasurement } from '../../compute/protocol.ts';
import { compareEdits } from '../../core/edit/index.ts';
import { ContiguaError } from '../../core/errors.ts';
import type { ModelSummary } from '../../core/folder/model-summary.ts';
import { removedCount } from '../../core/interval/index.ts';
import { parameterCost } from '../../core/plan/index.ts';
import { FINE_TUNE_KEY, type SubsetView, subsetKey } from '../../core/run/index.ts';
import { COUNTED_PICTURES } from '../../core/shapes/index.ts';
import { outlast } from '../outlast.ts';
import { Fenced } from '../runs/attempt.ts';
import type { JobRow, SubsetChoice } from '../runs/rows.ts';
import { finishMeasurement, tellMeasuring } from '../runs/subsets.ts';
import type { TakenJob } from '../runs/take.ts';
import type { AttemptEnd } from './attempt-end.ts';
import {
  type AttemptTools,
  modelOf,
  narrowSources,
  sharedSource,
  trainedFile,
  trainingSource,
  wantedEngine,
} from './attempt-tools.ts';
import { pngDataUrl } from './png.ts';

const TOLD_EVERY_MS = 1_000;

/**
 * The files of everything that a choice names. What was chosen and is being trained again makes the measurement another's; what cannot
 * be found is an error, as a measurement without it would be of another model.
 */
export async function chosenFiles(
  { plugged, fineTuned }: SubsetChoice,
  jobs: readonly JobRow[],
  tools: Pick<AttemptTools, 'context' | 'store' | 'timing' | 'report'>,
  signal: AbortSignal,
) {
  const chosen = plugged.map((key) => named(jobs, key));
  const tuned = fineTuned ? named(jobs, FINE_TUNE_KEY) : null;
  const again = [...chosen, ...(tuned ? [tuned] : [])].find(({ state }) => state !== 'done');
  if (again) throw new Fenced(`${again.key}, which was chosen, is being trained again`);
  const edits = await narrowSources(chosen, tools, signal);
  const tunedFile = tuned ? await trainedFile(tuned, tools, signal) : null;
  const shared = await sharedSource(chosen, tools, signal);
  // The fine-tune trained what blocks share with all the rest.
  return {
    chosen,
    edits,
    fineTuned: tunedFile,
    modulations: shared && tunedFile ? { ...shared, file: tunedFile } : shared,
  };
}

function named(jobs: readonly JobRow[], key: string): JobRow {
  const job = jobs.find((one) => one.key === key && one.kind !== 'measure');
  if (job) return job;
  throw new ContiguaError('run-missing', `The run has no job ${key} any more, which is to be measured`, {
    found: jobs.flatMap((one) => (one.kind === 'measure' ? [] : [one.key])).join(', '),
    expected: key,
    hint: 'Choose from what the run has, and measure again.',
  });
}

export async function measureSubset(taken: TakenJob, tools: AttemptTools, end: AttemptEnd): Promise<void> {
  const { attempt, job, jobs, run } = taken;
  const { context, timing, slot, models } = tools;
  const { signal } = end;
  const { choice } = job;
  if (!choice) throw new ContiguaError('internal', 'A measurement of no choice');
  await slot.startEngine(wantedEngine(taken, tools), signal);
  const summary = await slot.openModel(await modelOf(taken, models), signal);
  const { chosen, edits, fineTuned, modulations } = await chosenFiles(choice, jobs, tools, signal);
  const data = await trainingSource(run.settings.data, models);
  let toldAt = 0;
  let telling = Promise.resolve();
  const measured = await slot.call(
    'tryEdits',
    { edits, probes: null, fineTuned, modulations, ...COUNTED_PICTURES, data },
    {
      signal,
      onProgress({ done, total }) {
        if (Date.now() - toldAt < TOLD_EVERY_MS) return;
        toldAt = Date.now();
        telling = telling
          .then(() => outlast(timing.patience, signal, () => tellMeasuring(context, attempt, done, total)))
          .catch((thrown: unknown) => end.atOnce(thrown));
      },
    },
  );
  await telling;
  const subset = viewOf(choice, chosen, summary, measured);
  await outlast(timing.patience, signal, () => finishMeasurement(context, attempt, subsetKey(choice), subset));
}

function viewOf(
  { plugged, fineTuned }: SubsetChoice,
  chosen: readonly JobRow[],
  model: ModelSummary,
  { facts, outputError, outputErrorBounds, timing, drawings }: SubsetMeasurement,
): SubsetView {
  const edits = chosen.flatMap(({ edit }) => (edit ? [edit] : []));
  const narrow = chosen.flatMap((job) => job.narrow);
  return {
    plugged,
    fineTuned,
    parameters: parameterCost(model, [...edits, ...narrow].sort(compareEdits)).after,
    blocks: model.numBlocks - removedCount(edits),
    facts,
    outputError,
    outputErrorBounds,
    wholeMs: timing.wholeMs,
    subsetMs: timing.prunedMs,
    wholeQuartilesMs: timing.wholeQuartilesMs,
    subsetQuartilesMs: timing.prunedQuartilesMs,
    pictures: drawings.map(({ caption, drawing }) => ({
      caption,
      png: pngDataUrl(drawing.rgba, drawing.width, drawing.height),
      held: drawing.facts.filter(({ holds }) => holds).length,
      facts: drawing.facts.length,
    })),
  };
}
