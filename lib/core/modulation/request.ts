/** Shared modulations as people ask for them: by rank, by the error that they may leave, or as a table over a schedule; and what is found. */
import type { ModulationEdit } from '../edit/index.ts';
import { ContiguaError } from '../errors.ts';
import type { Interval } from '../quantile.ts';
import type { BasisParts } from './fit-modulations.ts';
import type { TableParts } from './modulations-file.ts';

export interface ModulationRequest {
  readonly blocks: ModulationEdit['blocks'];
  readonly by:
    | ModulationEdit['by']
    /** Of the modulations at held-out timesteps: the first rank that leaves no more. */
    | { readonly error: number }
    /** A table over the scheduler's timesteps of so many steps. */
    | { readonly steps: number };
}

export interface FoundModulation {
  readonly edit: ModulationEdit;
  readonly parts: BasisParts | TableParts;
  /** Of the modulations at held-out timesteps; 0 at those of a table. */
  readonly error: number;
  /** By rank from 0, the mean alone; null for a table. */
  readonly errors: Float64Array<ArrayBuffer> | null;
  /** Share of the conditioning's squared distance from its mean that the errors do not count: of models wider than 128. */
  readonly lost: number;
}

/** ‖out_edited − out‖ / ‖out‖ over all samples of a calibration; null where the edited model overflows. */
export interface MeasuredOutput {
  readonly outputError: number | null;
  readonly bounds: Interval | null;
  /** One per noise band of the calibration. */
  readonly bands: readonly (number | null)[];
}

export interface FoundModulations {
  readonly found: readonly FoundModulation[];
  /** Timesteps that the basis was made from, for people. */
  readonly about: string;
  /** Of the output with all of them in place, where a calibration was named; null for tables, which take no other timesteps. */
  readonly damage: MeasuredOutput | null;
}

const EXPECTED = 'a rank (8), the error that may be left (1%), or the steps of a fixed schedule (20steps)';

/** `8`, `1%`, `20steps`. Throws `usage`, naming `where`. */
export function parseModulationRequest(text: string, where: string): ModulationRequest {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)(%|steps)?$/.exec(text.trim()) ?? [];
  const value = Number(number);
  const isWhole = Number.isSafeInteger(value) && value >= 1;
  if (unit === '%' && value > 0) return { blocks: 'all', by: { error: value / 100 } };
  if (unit === 'steps' && isWhole && value <= 1000) return { blocks: 'all', by: { steps: value } };
  if (unit === '' && isWhole) return { blocks: 'all', by: { rank: value } };
  throw new ContiguaError('usage', 'Modulations cannot be asked for in this way', {
    file: where,
    found: text,
    expected: EXPECTED,
  });
}
