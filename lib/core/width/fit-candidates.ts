/**
 * The maps of many text groups and feed-forward layers, each as it were the only edit: all maps are fitted on the states of the
 * whole model, in one pass through its depth. Groups may overlap; every edit has maps of its own in the store. In a store that
 * outlives the process, a pass that was interrupted goes on after the last block that it left a checkpoint of.
 */
import type { Calibration } from '../capture/index.ts';
import { editKey, type TextStreamEdit } from '../edit/index.ts';
import type { FormMap } from '../model/config-index.ts';
import {
  CARRIED_TEXT,
  disposeState,
  type NarrowStep,
  narrowBlocks,
  type Transformer,
  WeightSet,
} from '../model/index.ts';
import { putMatrix, type StateStore } from '../states/index.ts';
import { mapsOfEdit } from './edit-maps.ts';
import { type Batch, Lane, type LaneCheckpoint } from './lane.ts';
import { appendRows, type FitOptions, type FittedWidthEdit, MapFitter, type MappedEdit } from './map-fitter.ts';
import { putErrors, storedErrors } from './map-store.ts';

export interface CandidateOptions extends FitOptions {
  /** Takes the maps, under the key of each edit, the text of open groups, and states where they spill. */
  readonly store: StateStore;
  readonly spills?: boolean | undefined;
  /** The store outlives the process, and holds nothing of other inputs: what it has of these edits is not made again. */
  readonly lasts?: boolean | undefined;
  /** It has room for the states of all batches twice, besides maps and text; else a pass that was interrupted begins anew. */
  readonly hasRoomTwice?: boolean | undefined;
  readonly onBlock?: ((done: number, total: number) => void) | undefined;
}

/** A map that is to be fitted. */
interface Wanted {
  readonly edit: MappedEdit;
  readonly block: number;
  readonly map: FormMap;
}

/** `edits`: each one valid alone. In their order. */
export async function fitCandidates(
  transformer: Transformer,
  calibration: Calibration,
  edits: readonly MappedEdit[],
  { store, spills = false, lasts = false, hasRoomTwice, onBlock = () => {}, ...options }: CandidateOptions,
): Promise<FittedWidthEdit[]> {
  const { width } = transformer.config;
  const fitter = new MapFitter(transformer, calibration, options);
  const batches: Batch[] = [];
  const lane = new Lane({ transformer, batches, store, spills, lasts, hasRoomTwice }, 'whole');
  const to = (edit: MappedEdit) => ({ store, owner: editKey(edit) });
  const wanted = await notStored();
  const total = Math.max(-1, ...wanted.map(({ block }) => block)) + 1;
  /** First blocks of groups whose text is in the store. */
  const open = new Set<number>();
  try {
    for (let index = wanted.length > 0 ? await begin() : total; index < total; index++) {
      await transformer.loadBlock(index);
      if (index + 1 < total) transformer.prefetchBlock(index + 1);
      const here = wanted.filter(({ block }) => block === index);
      await fitFfns(index, here);
      await fitText(index, here);
      if (index + 1 < total) await lane.checkpoint(index);
      onBlock(index + 1, total);
    }
    await lane.forget();
    return fitter.fitted(edits);
  } finally {
    await lane.dispose();
    for (const { context } of batches) transformer.disposeContext(context);
    transformer.releaseBlocks();
  }

  /** Of all edits, in order of depth; those that are there are taken. */
  async function notStored(): Promise<Wanted[]> {
    const missing: Wanted[] = [];
    for (const edit of edits) {
      const maps = mapsOfEdit(edit, narrowBlocks(transformer.architecture, [edit]));
      if (maps.length === 0) throw new RangeError(`No map stands for ${editKey(edit)}`);
      for (const { block, ...map } of maps) {
        const errors = lasts ? await storedErrors(to(edit), block, map.name) : undefined;
        if (errors === undefined) missing.push({ edit, block, map });
        else fitter.take(edit, block, map, errors);
      }
    }
    return missing;
  }

  /** All batches, embedded or as the checkpoint has them. Returns the block that comes next. */
  async function begin(): Promise<number> {
    const stored = await lane.storedCheckpoint();
    const resumed = stored && (await isEnough(stored)) ? stored : null;
    for (const inputs of calibration.batches) {
      const { state, context } = await transformer.begin(inputs);
      batches.push({ inputs, context });
      if (resumed) disposeState(state);
      else await lane.push(state);
      await fitter.pace.breathe();
    }
    if (!resumed) return 0;
    await lane.restore(resumed);
    return resumed.after + 1;
  }

  /** Whether no map before the checkpoint is missing, and the text of the groups that are open there is stored. */
  async function isEnough({ after, shapes }: LaneCheckpoint): Promise<boolean> {
    if (shapes.length !== calibration.batches.length || wanted.some(({ block }) => block <= after)) return false;
    const firsts = new Set(wanted.flatMap(({ edit }) => (edit.on === 'ffn' || edit.first > after ? [] : [edit.first])));
    for (const first of firsts) {
      for (const part of TEXT) if (!(await store.shape(textKey(first, part)))) return false;
      open.add(first);
    }
    return true;
  }

  async function fitFfns(index: number, here: readonly Wanted[]): Promise<void> {
    const ffns = here.filter(({ edit }) => edit.on === 'ffn');
    if (ffns.length === 0) return;
    const streams = ffns.map(({ map }) => map.stream);
    const [before, after] = [fitter.rows(streams), fitter.rows(streams)];
    await lane.look([half(index, 'ffn'), half(index, 'attention')], fitter.pace, async ([attended, done], inputs) => {
      await appendRows(before, attended!, inputs);
      await appendRows(after, done!, inputs);
    });
    for (const one of ffns) {
      await fitOne(one, before.states[one.map.stream]!, after.states[one.map.stream]!);
    }
  }

  async function fitText(index: number, here: readonly Wanted[]): Promise<void> {
    const maps = here.filter(({ edit }) => edit.on === 'text-stream');
    const opens = wanted.find(({ edit }) => edit.on === 'text-stream' && edit.first === index);
    const stream = (maps[0] ?? opens)?.map.stream;
    if (stream === undefined) return await lane.advance({ kind: 'block', index }, fitter.pace);
    const [modulated, after] = [fitter.rows([stream]), fitter.rows([stream])];
    await lane.advance({ kind: 'block', index, carriesText: true }, fitter.pace, async (next, inputs) => {
      await appendRows(modulated, { [stream]: next[CARRIED_TEXT] }, inputs);
      await appendRows(after, { [stream]: next[stream] }, inputs);
    });
    const rows: TextRows = { modulated: modulated.states[stream]!, after: after.states[stream]! };
    for (const first of open) {
      const of = maps.filter(({ edit }) => edit.on === 'text-stream' && edit.first === first);
      for (const part of TEXT) {
        const some = of.filter(({ map }) => (map.gives === 'text-after' ? 'after' : 'modulated') === part);
        if (some.length === 0) continue;
        const input = await store.read(textKey(first, part));
        for (const one of some) await fitOne(one, input, rows[part]);
      }
      const last = Math.max(...wanted.map(({ edit, block }) => (isGroupFrom(edit, first) ? block : -1)));
      if (last <= index) await close(first);
    }
    if (opens) await openAt(index, rows);
  }

  async function fitOne({ edit, block, map }: Wanted, input: Float32Array, output: Float32Array): Promise<void> {
    const errors = await fitter.fit(to(edit), edit, block, map, { input, output });
    if (lasts) await putErrors(to(edit), block, map.name, errors);
  }

  async function openAt(first: number, rows: TextRows): Promise<void> {
    for (const part of TEXT) await putMatrix(store, textKey(first, part), rows[part], width);
    open.add(first);
  }

  async function close(first: number): Promise<void> {
    open.delete(first);
    for (const part of TEXT) await store.remove(textKey(first, part));
  }
}

/** Of the text at one block [rows, width]. */
interface TextRows {
  readonly modulated: Float32Array;
  readonly after: Float32Array;
}

const TEXT = ['modulated', 'after'] as const;
const textKey = (first: number, part: (typeof TEXT)[number]) => `text/${first}-${part}`;

function isGroupFrom(edit: MappedEdit, first: number): edit is TextStreamEdit {
  return edit.on === 'text-stream' && edit.first === first;
}

function half(index: number, without: 'attention' | 'ffn'): NarrowStep {
  return { kind: 'narrow', index, maps: new WeightSet(), weights: null, without };
}
