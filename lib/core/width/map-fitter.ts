/**
 * Fits the linear maps of edits and keeps what is known of them: one split of the prompts for all maps, weights in the store, and
 * errors by edit, so that a text group is judged over all of its maps.
 */
import { DEFAULT_RIDGE, type JudgedRows, judgedRows, Pace, splitOff, splitRows } from '../analysis/index.ts';
import { type Calibration, RowBuffers } from '../capture/index.ts';
import { editKey, type FfnEdit, type TextStreamEdit } from '../edit/index.ts';
import type { FormMap, State, StreamId, Transformer, TransformerInputs } from '../model/index.ts';
import type { SplitRule } from '../report/report.ts';
import { fitMap, type MapRows, type StreamSplit } from './fit-map.ts';
import { type FitQuality, qualityOf } from './fit-quality.ts';
import { type MapErrors, type MapStore, putMap } from './map-store.ts';

/** The edits that linear maps stand for. */
export type MappedEdit = TextStreamEdit | FfnEdit;

/** One map of an edit. */
export interface FittedBlockMap extends Pick<FormMap, 'name' | 'stream'> {
  readonly block: number;
  readonly quality: FitQuality;
}

export interface FittedWidthEdit {
  readonly edit: MappedEdit;
  readonly quality: FitQuality;
  /** In order of depth. */
  readonly maps: readonly FittedBlockMap[];
}

export interface FitOptions {
  readonly ridge?: number | undefined;
  readonly rule?: SplitRule | undefined;
  /** Samples that the maps are judged on, in place of those that the rule holds out. */
  readonly heldOutSamples?: readonly number[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

export class MapFitter {
  readonly pace: Pace;
  readonly #splits: ReadonlyMap<StreamId, StreamSplit>;
  readonly #judged: JudgedRows | null;
  readonly #maps = new Map<string, (FittedBlockMap & { readonly errors: MapErrors })[]>();

  constructor(
    private readonly transformer: Transformer,
    private readonly calibration: Calibration,
    { ridge = DEFAULT_RIDGE, rule, heldOutSamples, signal }: FitOptions,
  ) {
    const split = heldOutSamples ? splitOff(calibration, heldOutSamples) : splitRows(calibration, rule);
    this.#judged = judgedRows(calibration, split);
    this.pace = new Pace(signal);
    this.#splits = new Map(
      transformer.architecture.streams.map(({ id }) => [
        id,
        {
          width: transformer.config.width,
          fit: split.fit[id] ?? new Uint32Array(),
          judged: this.#judged?.rows[id] ?? null,
          ridge,
        },
      ]),
    );
  }

  /** The map goes into `to`. */
  async fit(to: MapStore, edit: MappedEdit, block: number, of: FormMap, rows: MapRows): Promise<MapErrors> {
    const split = this.#splits.get(of.stream);
    if (!split) throw new RangeError(`The model has no stream ${of.stream}`);
    const { map, errors } = await fitMap(rows, split, this.pace);
    await putMap(to, block, of.name, map);
    this.take(edit, block, of, errors);
    await this.pace.breathe();
    return errors;
  }

  /** Of a map that is stored already. Those of one edit come in order of depth. */
  take(edit: MappedEdit, block: number, { name, stream }: FormMap, errors: MapErrors): void {
    const quality = qualityOf([errors], this.#judged?.weightings ?? null);
    const key = editKey(edit);
    this.#maps.set(key, [...(this.#maps.get(key) ?? []), { block, name, stream, quality, errors }]);
  }

  /** Room for the sampled tokens of these streams. */
  rows(streams: readonly StreamId[]): RowBuffers {
    const { architecture, config } = this.transformer;
    const wanted = architecture.streams.filter(({ id }) => streams.includes(id));
    return new RowBuffers(this.calibration, wanted, config.width);
  }

  fitted(edits: readonly MappedEdit[]): FittedWidthEdit[] {
    const weightings = this.#judged?.weightings ?? null;
    return edits.map((edit) => {
      const maps = this.#maps.get(editKey(edit)) ?? [];
      const errors = maps.map((map) => map.errors);
      return { edit, quality: qualityOf(errors, weightings), maps: maps.map(({ errors: _, ...map }) => map) };
    });
  }
}

export async function appendRows(
  rows: RowBuffers,
  state: Readonly<Record<StreamId, State[StreamId] | undefined>>,
  inputs: TransformerInputs,
): Promise<void> {
  const values: [StreamId, Float32Array][] = [];
  for (const stream of Object.keys(rows.states)) {
    const x = state[stream];
    if (!x) throw new RangeError(`The state has no ${stream}`);
    values.push([stream, await x.data<'float32'>()]);
  }
  rows.append(Object.fromEntries(values), inputs);
}
