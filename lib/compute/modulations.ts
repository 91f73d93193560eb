/** The task `modulations`: what edits of modulations put in place, in closed form, and what it costs. */
import { noiseBands } from '../core/analysis/index.ts';
import { type CalibrationRequest, calibrationFor } from '../core/capture/index.ts';
import { type EditableModel, editSetOf, type ModulationEdit, modulationEdit } from '../core/edit/index.ts';
import { ContiguaError } from '../core/errors.ts';
import type { OpenModel } from '../core/folder/open-model.ts';
import { editableModel, familyNamed, openTransformer, type Transformer } from '../core/model/index.ts';
import {
  conditioningsAt,
  type FittedModulations,
  type FoundModulation,
  type FoundModulations,
  fitModulations,
  type ModulationRequest,
  modulationsFile,
  rankWithin,
  type Schedule,
  scheduledTimesteps,
  sharedModel,
  visitedTimesteps,
} from '../core/modulation/index.ts';
import { relativeError, relativeErrorBounds, type SampleError, sampleErrors } from '../core/relative-error.ts';
import type { Progress } from './protocol.ts';

interface Context {
  readonly signal: AbortSignal;
  onProgress(progress: Progress<never>): void;
}

export async function findModulations(
  model: OpenModel,
  transformer: Transformer,
  requests: readonly ModulationRequest[],
  calibration: CalibrationRequest | null,
  { signal, onProgress }: Context,
): Promise<FoundModulations> {
  const { config } = model;
  const editable = editableModel(config);
  for (const request of requests) checkPossible(request, editable);
  const schedule = await scheduleOf(model);
  const timesteps = visitedTimesteps(config, schedule);
  const found: FoundModulation[] = [];
  for (const { blocks, by } of requests) {
    if ('steps' in by || 'table' in by) {
      const table = 'table' in by ? by.table : scheduledTimesteps(config, schedule, by.steps);
      const edit = modulationEdit({ table }, blocks);
      const conditioning = await conditioningsAt(transformer, Float32Array.from(table), signal);
      found.push({ edit, parts: { conditioning }, error: 0, errors: null, lost: 0 });
      continue;
    }
    const onMatrix = (done: number, total: number) => onProgress({ stage: 'modulations', done, total });
    const fit = await fitModulations(model, transformer, { blocks, timesteps, signal, onMatrix });
    const rank = 'rank' in by ? by.rank : rankFor(fit, by.error);
    const edit = modulationEdit({ rank }, blocks);
    const error = fit.errors[Math.min(rank, fit.errors.length - 1)] ?? 0;
    found.push({ edit, parts: fit.partsAt(rank), error, errors: Float64Array.from(fit.errors), lost: fit.lost });
  }
  const edits = found.map(({ edit }) => edit);
  editSetOf(edits, editable, 'the modulations');
  const takesAnyTimestep = edits.every(({ by }) => 'rank' in by);
  if (!calibration || !takesAnyTimestep) return { found, about: timesteps.about, damage: null };
  const edited = await opened(model, found);
  try {
    const { batches, groups, levels } = await calibrationFor(model, calibration);
    const errors: SampleError[] = [];
    for (const [done, inputs] of batches.entries()) {
      onProgress({ stage: 'damage', done, total: batches.length });
      const whole = await transformer.forward(inputs);
      errors.push(...sampleErrors(whole, await edited.forward(inputs), inputs.batch));
    }
    const { bands, bandOf } = noiseBands(levels, []);
    return {
      found,
      about: timesteps.about,
      damage: {
        outputError: relativeError(errors),
        bounds: relativeErrorBounds(errors, [...groups]),
        bands: bands.map((_, band) => relativeError(errors.filter((_, sample) => bandOf(sample) === band))),
      },
    };
  } finally {
    edited.dispose();
  }
}

/**
 * The model whose blocks share their modulation as these edits say, and nothing else, on the engine; the caller's, to be disposed of.
 * `edits` are valid beside each other.
 */
export async function openSharing(
  model: OpenModel,
  transformer: Transformer,
  edits: readonly ModulationEdit[],
  context: Context,
): Promise<Transformer> {
  const requests = edits.map(({ blocks, by }) => ({ blocks, by }));
  const { found } = await findModulations(model, transformer, requests, null, context);
  return await opened(model, found);
}

async function opened(
  { config, checkpoint, summary }: OpenModel,
  found: readonly FoundModulation[],
): Promise<Transformer> {
  const { fingerprint, family } = summary;
  const file = modulationsFile(found, { fingerprint, family, width: config.width });
  const edits = found.map(({ edit }) => edit);
  const shared = await sharedModel({ config, checkpoint, fingerprint }, edits, file);
  return await openTransformer(shared.config, shared.checkpoint);
}

/** Before anything is read: what the family says, and the rank. */
function checkPossible({ blocks, by }: ModulationRequest, model: EditableModel): void {
  const edit = 'table' in by || 'steps' in by ? { table: [1] } : { rank: 'rank' in by ? by.rank : 1 };
  editSetOf([modulationEdit(edit, blocks)], model, 'the modulations');
}

function rankFor(fit: FittedModulations, allowed: number): number {
  const rank = rankWithin(fit, allowed);
  if (rank !== null) return rank;
  throw new ContiguaError('plan-invalid', 'No rank leaves so little error', {
    found: `${100 * allowed} %`,
    expected: `${(100 * (fit.errors.at(-1) ?? 0)).toPrecision(3)} % or more, which rank ${fit.errors.length - 1} leaves`,
  });
}

async function scheduleOf({ config, drawer, scheduler }: OpenModel): Promise<Schedule> {
  const imageTokens = drawer ? drawer.gridSize ** 2 : (familyNamed(config.family).nominal(config).tokens.image ?? 1);
  return { scheduler: drawer?.scheduler ?? (await scheduler?.()) ?? null, imageTokens };
}
