/** `contigua plan --modulation`: blocks that share their modulation, by rank, by the error allowed or as a table, and what it costs. */
import type { WorkerClient } from '../lib/compute/client.ts';
import type { CalibrationSource } from '../lib/compute/protocol.ts';
import { earlyWeighted } from '../lib/core/detection/index.ts';
import { type Edit, type EditSet, editKey } from '../lib/core/edit/index.ts';
import { ContiguaError } from '../lib/core/errors.ts';
import type { ModelSummary } from '../lib/core/folder/model-summary.ts';
import { editedModel, parseModelConfig } from '../lib/core/model/config-index.ts';
import {
  type FoundModulations,
  type ModulationRequest,
  parseModulationRequest,
} from '../lib/core/modulation/request.ts';
import { rankFitErrors } from '../lib/core/plan/index.ts';
import { measuredRank, modulationOffers, type WidthOffer } from '../lib/core/planner/index.ts';
import type { AnalysisReport } from '../lib/core/report/index.ts';
import type { Options } from './arguments.ts';
import type { ProgressDisplay } from './progress.ts';

export const MODULATION_OPTION = { modulation: { type: 'string' } } as const;

/** Null without `--modulation`. */
export function modulationRequest(args: Options): ModulationRequest | null {
  const text = args.text('modulation');
  return text === undefined ? null : parseModulationRequest(text, '--modulation');
}

/** Throws `usage` where edits that were chosen otherwise share modulations too, as `m8` does. */
export function refuseOtherModulations(chosen: EditSet): void {
  const other = chosen.find(({ on }) => on === 'modulation');
  if (!other) return;
  throw new ContiguaError('usage', '--modulation and --intervals both share modulations', {
    found: editKey(other),
    expected: 'one of them',
  });
}

/** Ranks that modulations are shared by. */
export function ranksOf(edits: EditSet): number[] {
  return edits.flatMap((edit) => (edit.on === 'modulation' && 'rank' in edit.by ? [edit.by.rank] : []));
}

/** With what was asked for beside the edits that are chosen, none of which shares modulations (`refuseOtherModulations`). */
export async function foundModulations(
  client: WorkerClient,
  asked: ModulationRequest,
  chosen: EditSet,
  signal: AbortSignal,
  { show }: Pick<ProgressDisplay, 'show'>,
): Promise<{ readonly edits: readonly Edit[]; readonly found: FoundModulations }> {
  const found = await client.call(
    'modulations',
    { requests: [asked], calibration: null },
    { signal, onProgress: show },
  );
  return { edits: [...chosen, ...found.found.map(({ edit }) => edit)], found };
}

export interface ModulationOffers {
  /** At the usual ranks, and at these. */
  offersAt(ranks: readonly number[]): readonly WidthOffer[];
  /** Of these edits, by `editKey`: the error of their rank over all blocks, also where some blocks keep their modulation. */
  fitErrorsOf(edits: EditSet): ReadonlyMap<string, number>;
  /** For people. */
  readonly line: string;
}

/** What each rank does to the output, from a measurement at one rank. */
export async function offerModulations(
  client: WorkerClient,
  { width }: ModelSummary,
  { bands }: Pick<AnalysisReport, 'bands'>,
  calibration: CalibrationSource,
  signal: AbortSignal,
  { show }: Pick<ProgressDisplay, 'show'>,
): Promise<ModulationOffers> {
  const rank = measuredRank({ width });
  const requests = [{ blocks: 'all', by: { rank } }] as const;
  const { found, damage } = await client.call('modulations', { requests, calibration }, { signal, onProgress: show });
  const errors = found[0]?.errors;
  const [modulated, outputError] = [errors?.[rank], damage?.outputError ?? null];
  if (!errors || modulated === undefined || outputError === null) {
    throw new ContiguaError('plan-invalid', 'Nothing tells what shared modulations do to the output', {
      found: 'an output that overflows, or none',
      expected: 'an output error',
    });
  }
  const bounds = damage?.bounds ?? null;
  const earlyError = earlyWeighted(bands, damage?.bands ?? []);
  const ratio = modulated > 0 ? outputError / modulated : 1;
  return {
    offersAt: (ranks) => modulationOffers({ width, errors, rank, outputError, earlyError, bounds }, ranks),
    fitErrorsOf: (edits) => rankFitErrors(edits, errors),
    line: `shared modulations: ${percent(outputError)} output error measured at rank ${rank}, at others ${ratio.toFixed(2)} times the error of the modulations`,
  };
}

export function fitErrorsOf({ found }: FoundModulations): ReadonlyMap<string, number> {
  return new Map(found.map(({ edit, error }) => [editKey(edit), error]));
}

/** Ranks whose errors are told beside the one that is taken. */
const SHOWN_RANKS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96];

/** For people. */
export function modulationLines({ found, about }: FoundModulations, model: ModelSummary): string[] {
  const config = parseModelConfig(JSON.stringify(model.config), 'config.json');
  const before = editedModel(config, []).parameters;
  return found.flatMap(({ edit, error, errors, lost }) => {
    const saved = before - editedModel(config, [edit]).parameters;
    const saves = `saves ${saved.toLocaleString('en-US')} parameters of the whole model (${((100 * saved) / before).toFixed(1)} %)`;
    if ('table' in edit.by) {
      const times = edit.by.table.map((time) => Number(time.toPrecision(5))).join(', ');
      return [
        `modulations as a table of ${edit.by.table.length} timesteps: exact at these, none at others; ${saves}`,
        `timesteps: ${times}`,
      ];
    }
    const byRank = SHOWN_RANKS.flatMap((rank) =>
      errors?.[rank] === undefined ? [] : `${rank}: ${percent(errors[rank])}`,
    );
    return [
      `modulations at rank ${edit.by.rank}: ${percent(error)} error at held-out timesteps; ${saves}`,
      `error by rank: ${byRank.join(', ')}`,
      `timesteps: ${about}`,
      ...(lost > 1e-9
        ? [
            `not counted: ${percent(lost)} of the conditioning’s variance, outside of the directions that were looked at`,
          ]
        : []),
    ];
  });
}

function percent(share: number): string {
  return `${(100 * share).toPrecision(3)} %`;
}
