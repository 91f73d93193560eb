/**
 * Text groups and feed-forward layers one by one: the least-squares fit of each on the whole model's states, and what it alone does
 * to the model's output. As many edits are taken together as their maps leave room for; each reading of the weights fits or
 * measures several. In a store that outlives the process, maps and measurements are kept until all are there: a measurement that was
 * interrupted goes on after them, and gives the same to the bit on the same engine.
 */
import { type DamageInputs, narrowDamage, waysWithin } from '../analysis/index.ts';
import { type Calibration, passBytes } from '../capture/index.ts';
import { editKey } from '../edit/index.ts';
import { narrowBlocks, type Transformer } from '../model/index.ts';
import type { WidthDamage } from '../report/report.ts';
import { FLOAT_BYTES, jsonPiece, memoryStates, putJson, type StateStore } from '../states/index.ts';
import { mapsOfEdit } from './edit-maps.ts';
import { fitCandidates } from './fit-candidates.ts';
import type { FitOptions, FittedWidthEdit, MappedEdit } from './map-fitter.ts';
import { mapsOnEngine, removeMap } from './map-store.ts';

export interface MeasureWidthOptions extends FitOptions {
  /** Maps that may wait in the store, or in memory, with the text that they are fitted on. */
  readonly mapBytes?: number | undefined;
  /** Of the store; any number without it. States come before maps, and checkpoints are kept where they fit as well. */
  readonly roomBytes?: number | undefined;
  /** Where maps wait, and states that are too many for the engine; in memory without one. Empty at the end. */
  readonly store?: StateStore | undefined;
  /**
   * The store outlives the process. Whoever brings it brings one for this model, calibration, settings and engine alone.
   */
  readonly lasts?: boolean | undefined;
  /** States that may wait on the engine at once; any number without it. */
  readonly engineBytes?: number | undefined;
  /** Ways of one turn (edit-damage.ts), at most. */
  readonly waysAtOnce?: number | undefined;
  /** Blocks done of the present fitting. */
  readonly onFitted?: (done: number, total: number) => void;
  /** What was measured before comes first, then the others in the order of the edits. */
  readonly onMeasured?: (measured: WidthDamage, done: number) => void;
}

const MAP_BYTES = 2 ** 31;
/** As JSON: what was measured of an edit, and the errors of a map on one sample. */
const RESULT_BYTES = 2048;
const ERROR_BYTES = 80;

/** `edits`: each one valid alone. `inputs` are those of other measurements of damage. In the order of the edits. */
export async function measureWidth(
  transformer: Transformer,
  calibration: Calibration,
  inputs: DamageInputs,
  edits: readonly MappedEdit[],
  {
    mapBytes = MAP_BYTES,
    roomBytes = Number.POSITIVE_INFINITY,
    store = memoryStates(),
    lasts = false,
    engineBytes = Number.POSITIVE_INFINITY,
    waysAtOnce = edits.length,
    onFitted,
    onMeasured = () => {},
    ...options
  }: MeasureWidthOptions = {},
): Promise<WidthDamage[]> {
  const { config, architecture } = transformer;
  const found = new Map<MappedEdit, WidthDamage>();
  const tell = (edit: MappedEdit, measured: WidthDamage) => {
    found.set(edit, measured);
    onMeasured(measured, found.size);
  };
  if (lasts) {
    for (const edit of edits) {
      const measured = await jsonPiece<WidthDamage>(store, keyOf(edit));
      if (!measured) continue;
      await removeMaps(edit);
      tell(edit, measured);
    }
  }
  const stateBytes = passBytes(calibration, architecture.streams, config.width);
  const spills = stateBytes > engineBytes;
  const ways = Math.min(waysAtOnce, waysWithin(engineBytes, inputs, transformer));
  const missing = edits.filter((edit) => !found.has(edit));
  const room = roomBytes - RESULT_BYTES * edits.length;
  const sizes = pieceSizes(calibration, config.width);
  for (const { some, bytes } of inRoom(missing, Math.min(mapBytes, room - (spills ? stateBytes : 0)), sizes)) {
    const kept = { store, spills, lasts, hasRoomTwice: bytes + 2 * stateBytes <= room };
    const fits = await fitCandidates(transformer, calibration, some, { ...options, ...kept, onBlock: onFitted });
    const choices = some.map((edit) => {
      const narrow = narrowBlocks(architecture, [edit]);
      const from = { store, owner: editKey(edit) };
      return {
        edits: [edit],
        openMaps: async (block: number) => await mapsOnEngine(from, block, narrow.get(block)!.maps),
      };
    });
    await narrowDamage(transformer, inputs, choices, {
      signal: options.signal,
      waysAtOnce: ways,
      async onMeasured(i, damage) {
        const edit = some[i]!;
        const measured = { ...figuresOf(fits[i]!), ...damage };
        if (lasts) await putJson(store, keyOf(edit), measured);
        tell(edit, measured);
      },
    });
    for (const edit of some) await removeMaps(edit);
  }
  await store.clear();
  return edits.map((edit) => found.get(edit)!);

  async function removeMaps(edit: MappedEdit): Promise<void> {
    for (const { block, name } of mapsOfEdit(edit, narrowBlocks(architecture, [edit]))) {
      await removeMap({ store, owner: editKey(edit) }, block, name);
    }
  }
}

function keyOf(edit: MappedEdit): string {
  return `measured/${editKey(edit).replaceAll(' ', '_')}`;
}

function figuresOf({ edit, quality: { error, bounds, changeError } }: FittedWidthEdit) {
  return { edit, fitError: error, fitBounds: bounds, changeError };
}

interface PieceSizes {
  /** With its errors. */
  readonly map: number;
  /** Of the text that the maps of a group are fitted on. */
  readonly group: number;
}

function pieceSizes({ rows, levels }: Calibration, width: number): PieceSizes {
  const mostRows = Math.max(0, ...Object.values(rows).map(({ length }) => length));
  return {
    map: FLOAT_BYTES * width * (width + 1) + ERROR_BYTES * levels.length,
    group: 2 * FLOAT_BYTES * width * mostRows,
  };
}

/** In turns that take at most `room`, or of one edit. Groups that begin at one block share their text. */
function inRoom(edits: readonly MappedEdit[], room: number, sizes: PieceSizes) {
  const turns: { readonly some: MappedEdit[]; bytes: number }[] = [];
  let firsts = new Set<number>();
  for (const edit of edits) {
    const isFfn = edit.on === 'ffn';
    const maps = (isFfn ? 1 : edit.last - edit.first + 1) * sizes.map;
    const text = (known: ReadonlySet<number>) => (isFfn || known.has(edit.first) ? 0 : sizes.group);
    let turn = turns.at(-1);
    if (!turn || turn.bytes + maps + text(firsts) > room) {
      turn = { some: [], bytes: 0 };
      firsts = new Set();
      turns.push(turn);
    }
    turn.bytes += maps + text(firsts);
    turn.some.push(edit);
    if (!isFfn) firsts.add(edit.first);
  }
  return turns;
}
