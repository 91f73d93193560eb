/** `contigua plan --modulation`: blocks that share their modulation, by rank, by the error allowed or as a table, and what it costs. */
import type { WorkerClient } from '../lib/compute/client.ts';
import type { CalibrationSource } from '../lib/compute/protocol.ts';
import { type Edit, type EditSet, editKey, modulationEdit } from '../lib/core/edit/index.ts';
import { ContiguaError } from '../lib/core/errors.ts';
import type { ModelSummary } from '../lib/core/folder/model-summary.ts';
import { editedModel, parseModelConfig } from '../lib/core/model/config-index.ts';
import {
  type FoundModulations,
  type ModulationRequest,
  parseModulationRequest,
} from '../lib/core/modulation/request.ts';
import type { WidthOffer } from '../lib/core/planner/index.ts';
import type { Options } from './arguments.ts';
import type { ProgressDisplay } from './progress.ts';

export const MODULATION_OPTION = { modulation: { type: 'string' } } as const;

/** Null without `--modulation`. */
export function modulationRequest(args: Options): ModulationRequest | null {
  const text = args.text('modulation');
  return text === undefined ? null : parseModulationRequest(text, '--modulation');
}

/** The edits that were chosen otherwise ask for modulations too, as `m8` does: what they leave is found with the others. */
export async function foundModulations(
  client: WorkerClient,
  asked: ModulationRequest,
  chosen: EditSet,
  calibration: CalibrationSource | null,
  signal: AbortSignal,
  { show }: Pick<ProgressDisplay, 'show'>,
): Promise<{ readonly edits: readonly Edit[]; readonly found: FoundModulations }> {
  const other = chosen.find(({ on }) => on === 'modulation');
  if (other) {
    throw new ContiguaError('usage', '--modulation and --intervals both share modulations', {
      found: editKey(other),
      expected: 'one of them',
    });
  }
  const found = await client.call('modulations', { requests: [asked], calibration }, { signal, onProgress: show });
  return { edits: [...chosen, ...found.found.map(({ edit }) => edit)], found };
}

/** Ranks that a plan under a budget may share modulations by. */
const OFFERED_RANKS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];
/** The rank that the output is measured at. */
const MEASURED_RANK = 4;

export interface ModulationOffers {
  readonly offers: readonly WidthOffer[];
  /** Of these edits, by `editKey`: the error of their rank over all blocks, also where some blocks keep their modulation. */
  fitErrorsOf(edits: EditSet): ReadonlyMap<string, number>;
  /** For people. */
  readonly line: string;
}

/**
 * What each rank does to the output. It is measured at one rank; at others it is taken to be in proportion to the error of the
 * modulations, which holds nearly (docs/measurements.md).
 */
export async function modulationOffers(
  client: WorkerClient,
  { width }: ModelSummary,
  calibration: CalibrationSource,
  signal: AbortSignal,
  { show }: Pick<ProgressDisplay, 'show'>,
): Promise<ModulationOffers> {
  const rank = Math.min(MEASURED_RANK, width);
  const requests = [{ blocks: 'all', by: { rank } }] as const;
  const { found, damage } = await client.call('modulations', { requests, calibration }, { signal, onProgress: show });
  const errors = found[0]?.errors;
  const [modulated, output] = [errors?.[rank], damage?.outputError ?? null];
  if (!errors || modulated === undefined || output === null) {
    throw new ContiguaError('plan-invalid', 'Nothing tells what shared modulations do to the output', {
      found: 'an output that overflows, or none',
      expected: 'an output error',
    });
  }
  const ratio = modulated > 0 ? output / modulated : 1;
  const offered = OFFERED_RANKS.filter((one) => one < errors.length && one < width).map((one) => ({
    edit: modulationEdit({ rank: one }),
    error: errors[one] ?? 0,
  }));
  return {
    offers: offered.map(({ edit, error }) => ({ edit, outputError: ratio * error })),
    fitErrorsOf: (edits) =>
      new Map(
        edits.flatMap((edit): [string, number][] => {
          const error = edit.on === 'modulation' && 'rank' in edit.by ? errors[edit.by.rank] : undefined;
          return error === undefined ? [] : [[editKey(edit), error]];
        }),
      ),
    line: `shared modulations: ${percent(output)} output error measured at rank ${rank}, at others ${ratio.toFixed(2)} times the error of the modulations`,
  };
}

export function fitErrorsOf({ found }: FoundModulations): ReadonlyMap<string, number> {
  return new Map(found.map(({ edit, error }) => [editKey(edit), error]));
}

/** Ranks whose errors are told beside the one that is taken. */
const SHOWN_RANKS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96];

/** For people. */
export function modulationLines({ found, about, damage }: FoundModulations, model: ModelSummary): string[] {
  const config = parseModelConfig(JSON.stringify(model.config), 'config.json');
  const before = editedModel(config, []).parameters;
  const lines = found.flatMap(({ edit, error, errors, lost }) => {
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
  if (damage) {
    const { outputError, bounds } = damage;
    const range = bounds ? ` (95 %: ${percent(bounds.low)} to ${percent(bounds.high)})` : '';
    lines.push(
      `measured output error with the modulations shared: ${outputError === null ? 'n/a' : percent(outputError)}${range}`,
    );
  }
  return lines;
}

function percent(share: number): string {
  return `${(100 * share).toPrecision(3)} %`;
}
