/**
 * Text groups and feed-forward layers to choose from, each as if it were the only edit: all maps are fitted on the states of the
 * whole model, in one pass through its depth. Groups may overlap; every edit has maps of its own in the store.
 */
import type { Calibration } from '../capture/index.ts';
import { editKey, type FfnEdit, type TextStreamEdit } from '../edit/index.ts';
import { type FormMap, formMaps } from '../model/config-index.ts';
import { CARRIED_TEXT, type NarrowStep, type Transformer, WeightSet } from '../model/index.ts';
import type { StateStore } from '../states/index.ts';
import { type Batch, Lane } from './lane.ts';
import { appendRows, type FitOptions, type FittedWidthEdit, MapFitter, type MappedEdit } from './map-fitter.ts';

export interface CandidateOptions extends FitOptions {
  /** Takes the maps, under the key of each edit, and states where they spill. */
  readonly store: StateStore;
  readonly spills?: boolean | undefined;
  readonly onBlock?: ((done: number, total: number) => void) | undefined;
}

/** `edits`: each one valid alone. In their order. */
export async function fitCandidates(
  transformer: Transformer,
  calibration: Calibration,
  edits: readonly MappedEdit[],
  { store, spills = false, onBlock = () => {}, ...options }: CandidateOptions,
): Promise<FittedWidthEdit[]> {
  const { blocks } = transformer.architecture;
  const fitter = new MapFitter(transformer, calibration, options);
  const batches: Batch[] = [];
  const lane = new Lane({ transformer, batches, store: spills ? store : null }, 'whole');
  const groups = edits.filter((edit) => edit.on === 'text-stream');
  const ffns = edits.filter((edit) => edit.on === 'ffn');
  const total = Math.max(-1, ...groups.map(({ last }) => last), ...ffns.map(({ block }) => block)) + 1;
  const to = (edit: MappedEdit) => ({ store, owner: editKey(edit) });
  const mapsAt = (index: number, form: Parameters<typeof formMaps>[1]) => formMaps(blocks[index]!, form);
  const open = new Map<TextStreamEdit, TextRows>();
  try {
    for (const inputs of calibration.batches) {
      const { state, context } = await transformer.begin(inputs);
      batches.push({ inputs, context });
      await lane.push(state);
      await fitter.pace.breathe();
    }
    for (let index = 0; index < total; index++) {
      await transformer.loadBlock(index);
      if (index + 1 < total) transformer.prefetchBlock(index + 1);
      await fitFfns(index);
      await fitText(index);
      onBlock(index + 1, total);
    }
    return fitter.fitted(edits);
  } finally {
    await lane.dispose();
    for (const { context } of batches) transformer.disposeContext(context);
    transformer.releaseBlocks();
  }

  async function fitFfns(index: number): Promise<void> {
    const here = ffns.filter(({ block }) => block === index);
    if (here.length === 0) return;
    const streams = here.map(({ stream }) => stream);
    const [before, after] = [fitter.rows(streams), fitter.rows(streams)];
    await lane.look([half(index, 'ffn'), half(index, 'attention')], fitter.pace, async ([attended, done], inputs) => {
      await appendRows(before, attended!, inputs);
      await appendRows(after, done!, inputs);
    });
    for (const edit of here) {
      const [map] = mapsAt(index, { linearFfn: [edit.stream] });
      const rows = { input: before.states[edit.stream]!, output: after.states[edit.stream]! };
      await fitter.fit(to(edit), edit, index, asMap(map, edit), rows);
    }
  }

  async function fitText(index: number): Promise<void> {
    const here = groups.filter(({ first, last }) => first <= index && index <= last);
    if (here.length === 0) return await lane.advance({ kind: 'block', index }, fitter.pace);
    const stream = textOf(here);
    const [modulated, after] = [fitter.rows([stream]), fitter.rows([stream])];
    await lane.advance({ kind: 'block', index, carriesText: true }, fitter.pace, async (next, inputs) => {
      await appendRows(modulated, { [stream]: next[CARRIED_TEXT] }, inputs);
      await appendRows(after, { [stream]: next[stream] }, inputs);
    });
    const rows = { modulated: modulated.states[stream]!, after: after.states[stream]! };
    for (const edit of here) {
      if (edit.first === index) open.set(edit, rows);
      else await fitGroupAt(edit, index, rows);
    }
  }

  async function fitGroupAt(edit: TextStreamEdit, index: number, rows: TextRows): Promise<void> {
    const first = open.get(edit);
    if (!first) throw new RangeError(`The group ${editKey(edit)} was not opened`);
    for (const map of mapsAt(index, { text: index === edit.last ? 'end' : 'projected' })) {
      const of = map.gives === 'text-after' ? 'after' : 'modulated';
      await fitter.fit(to(edit), edit, index, map, { input: first[of], output: rows[of] });
    }
    if (index === edit.last) open.delete(edit);
  }

  function textOf([edit]: readonly TextStreamEdit[]): string {
    const [map] = edit ? mapsAt(edit.last, { text: 'projected' }) : [];
    if (!map) throw new RangeError('The group has no projector');
    return map.stream;
  }
}

/** Of the text at one block [rows, width]. */
interface TextRows {
  readonly modulated: Float32Array;
  readonly after: Float32Array;
}

function half(index: number, without: 'attention' | 'ffn'): NarrowStep {
  return { kind: 'narrow', index, maps: new WeightSet(), weights: null, without };
}

function asMap(map: FormMap | undefined, edit: FfnEdit): FormMap {
  if (map) return map;
  throw new RangeError(`No map stands for ${editKey(edit)}`);
}
