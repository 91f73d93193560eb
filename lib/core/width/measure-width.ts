/**
 * Text groups and feed-forward layers one by one: the least-squares fit of each on the whole model's states, and what it alone does
 * to the model's output. As many edits are taken together as their maps leave room for; each reading of the weights fits or
 * measures several.
 */
import { type DamageInputs, narrowDamage, waysWithin } from '../analysis/index.ts';
import { type Calibration, passBytes } from '../capture/index.ts';
import { editKey } from '../edit/index.ts';
import { narrowBlocks, type Transformer } from '../model/index.ts';
import type { WidthDamage } from '../report/report.ts';
import { FLOAT_BYTES, memoryStates, type StateStore } from '../states/index.ts';
import { fitCandidates } from './fit-candidates.ts';
import type { FitOptions, FittedWidthEdit, MappedEdit } from './map-fitter.ts';
import { mapsOnEngine } from './map-store.ts';

export interface MeasureWidthOptions extends FitOptions {
  /** Maps that may wait in the store, or in memory. */
  readonly mapBytes?: number | undefined;
  /** Where maps wait, and states that are too many for the engine; in memory without one. It is left empty. */
  readonly store?: StateStore | undefined;
  /** States that may wait on the engine at once; any number without it. */
  readonly engineBytes?: number | undefined;
  /** Ways of one sweep over the blocks, at most. */
  readonly waysAtOnce?: number | undefined;
  /** Blocks done of the present fitting. */
  readonly onFitted?: (done: number, total: number) => void;
  /** In the order of the edits. */
  readonly onMeasured?: (measured: WidthDamage, done: number) => void;
}

const MAP_BYTES = 2 ** 31;

/** `edits`: each one valid alone. `inputs` are those of other measurements of damage. */
export async function measureWidth(
  transformer: Transformer,
  calibration: Calibration,
  inputs: DamageInputs,
  edits: readonly MappedEdit[],
  {
    mapBytes = MAP_BYTES,
    store = memoryStates(),
    engineBytes = Number.POSITIVE_INFINITY,
    waysAtOnce = edits.length,
    onFitted,
    onMeasured = () => {},
    ...options
  }: MeasureWidthOptions = {},
): Promise<WidthDamage[]> {
  const { config, architecture } = transformer;
  const found: WidthDamage[] = [];
  const spills = passBytes(calibration, architecture.streams, config.width) > engineBytes;
  const ways = Math.min(waysAtOnce, waysWithin(engineBytes, inputs, transformer));
  for (const some of inRoom(edits, mapBytes / (FLOAT_BYTES * config.width * (config.width + 1)))) {
    await store.clear();
    const fits = await fitCandidates(transformer, calibration, some, { ...options, store, spills, onBlock: onFitted });
    const choices = some.map((edit) => {
      const narrow = narrowBlocks(transformer.architecture, [edit]);
      const from = { store, owner: editKey(edit) };
      return {
        edits: [edit],
        openMaps: async (block: number) => await mapsOnEngine(from, block, narrow.get(block)!.maps),
      };
    });
    await narrowDamage(transformer, inputs, choices, {
      signal: options.signal,
      waysAtOnce: ways,
      onMeasured(i, damage) {
        const measured = { ...figuresOf(fits[i]!), ...damage };
        found.push(measured);
        onMeasured(measured, found.length);
      },
    });
  }
  await store.clear();
  return found;
}

function figuresOf({ edit, quality: { error, bounds, changeError } }: FittedWidthEdit) {
  return { edit, fitError: error, fitBounds: bounds, changeError };
}

/** In turns of at most `room` maps, or of one edit. */
function inRoom(edits: readonly MappedEdit[], room: number): MappedEdit[][] {
  const turns: MappedEdit[][] = [];
  let used = Number.POSITIVE_INFINITY;
  for (const edit of edits) {
    const maps = edit.on === 'ffn' ? 1 : edit.last - edit.first + 1;
    if (used + maps > room) {
      turns.push([]);
      used = 0;
    }
    turns.at(-1)?.push(edit);
    used += maps;
  }
  return turns;
}
