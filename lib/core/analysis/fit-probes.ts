/**
 * The probes of a model: of one block from the states around it, and of any runs from a calibration alone, for callers that
 * have a report but not the analysis that made it (after a reload, on another engine).
 */
import { type Calibration, captureStates } from '../capture/index.ts';
import { probedRun } from '../edit/index.ts';
import { type BlockInterval, formatIntervalKey } from '../interval/index.ts';
import type { AffineMap, BlockSpec, ModelStream, StreamProbes, Transformer } from '../model/index.ts';
import type { PerStream, SplitRule } from '../report/report.ts';
import type { StateStore } from '../states/index.ts';
import { type RowSplit, splitRows } from './held-out.ts';
import type { JudgedRows } from './judged-rows.ts';
import { Pace } from './pace.ts';
import { asAffineMap, DEFAULT_RIDGE, fitProbe } from './probe.ts';
import { type WeightedProbeQuality, weightedProbeQuality } from './probe-bounds.ts';
import { sumProbeErrors } from './probe-quality.ts';

export interface BlockProbe {
  readonly maps: StreamProbes;
  /** On held-out rows; null where the block does not update the stream, or there are none to judge on. */
  readonly quality: PerStream<WeightedProbeQuality | null>;
}

/** `around` gives a stream's states before and after the block, [rows, width] each. Without `judged` probes are only fitted. */
export async function fitBlockProbe(
  { updates }: BlockSpec,
  streams: readonly ModelStream[],
  around: (stream: string) => readonly [Float32Array, Float32Array],
  width: number,
  { fit }: Pick<RowSplit, 'fit'>,
  ridge: number,
  pace: Pace,
  judged: Pick<JudgedRows, 'rows' | 'weightings'> | null = null,
): Promise<BlockProbe> {
  const maps: Record<string, AffineMap | null> = {};
  const quality: Record<string, WeightedProbeQuality | null> = {};
  for (const { id } of streams) {
    const [input, output] = around(id);
    const data = { input, output, width };
    // A stream that no sample has a token of has no probe.
    const isThere = updates.includes(id) && fit[id]!.length > 0;
    const probe = isThere ? await fitProbe({ ...data, rows: fit[id]! }, { ridge, pace }) : null;
    maps[id] = probe && asAffineMap(probe);
    quality[id] = null;
    if (probe && judged) {
      const { rows, cellOf, sizes } = judged.rows[id]!;
      const errors = await sumProbeErrors(probe, { ...data, rows }, cellOf, sizes.length, pace);
      quality[id] = weightedProbeQuality(errors, judged.weightings);
    }
    await pace.breathe();
  }
  return { maps, quality };
}

/**
 * The map from the states before a run to those after it, [rows, width] each, fitted on the rows `fit`. It leaves streams
 * alone that block `last` of the run does not update, and those without a token.
 */
export async function fitRunMap(
  last: BlockSpec,
  streams: readonly ModelStream[],
  before: PerStream<Float32Array>,
  after: PerStream<Float32Array>,
  width: number,
  fit: RowSplit['fit'],
  ridge: number,
  pace: Pace,
): Promise<StreamProbes> {
  const around = (id: string) => [before[id]!, after[id]!] as const;
  return (await fitBlockProbe(last, streams, around, width, { fit }, ridge, pace)).maps;
}

export interface FitMapsOptions {
  readonly signal?: AbortSignal | undefined;
  readonly ridge?: number | undefined;
  /** Of the analysis that they are of. */
  readonly rule?: SplitRule | undefined;
  readonly runs?: readonly BlockInterval[] | undefined;
  /** Where states of batches wait that are more than `engineBytes`. */
  readonly store?: StateStore | undefined;
  readonly engineBytes?: number | undefined;
  readonly onBlock?: ((done: number, total: number) => void) | undefined;
}

/**
 * The maps that an analysis of this calibration fits, bit for bit on the same engine, by the keys of the runs that they span;
 * the probes of all blocks by default.
 */
export async function fitMaps(
  transformer: Transformer,
  calibration: Calibration,
  options: FitMapsOptions = {},
): Promise<Map<string, StreamProbes>> {
  const maps = new Map<string, StreamProbes>();
  for await (const { run, map } of fittedMaps(transformer, calibration, options)) maps.set(formatIntervalKey(run), map);
  return maps;
}

/** The same one by one, as the last block of each run is reached. A state is held until the last run that begins there has ended. */
export async function* fittedMaps(
  transformer: Transformer,
  calibration: Calibration,
  {
    signal,
    ridge = DEFAULT_RIDGE,
    rule = 'prompt-groups',
    runs = transformer.architecture.blocks.map(({ index }) => probedRun(index)),
    store,
    engineBytes,
    onBlock = () => {},
  }: FitMapsOptions = {},
): AsyncGenerator<{ readonly run: BlockInterval; readonly map: StreamProbes }> {
  const { blocks, streams } = transformer.architecture;
  const { fit } = splitRows(calibration, rule);
  const pace = new Pace(signal);
  const held = new Map<number, PerStream<Float32Array>>();
  const capture = { signal, store, engineBytes, checkpointEveryMs: Number.POSITIVE_INFINITY };
  for await (const { index, states } of captureStates(transformer, calibration, capture)) {
    held.set(index, states);
    for (const run of runs.filter(({ last }) => last === index)) {
      const before = held.get(run.first);
      const block = blocks[index];
      if (!before || !block) throw new RangeError(`No run of the model is [${run.first}, ${run.last}]`);
      const map = await fitRunMap(block, streams, before, states, transformer.config.width, fit, ridge, pace);
      yield { run, map };
    }
    for (const state of held.keys()) {
      if (!runs.some(({ first, last }) => first === state && last > index)) held.delete(state);
    }
    if (index >= 0) onBlock(index + 1, blocks.length);
  }
}
