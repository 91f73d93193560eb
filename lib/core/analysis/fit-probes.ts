/**
 * The probes of a model: of one block from the states around it, and of all blocks from a calibration alone, for whoever
 * has a report but not the analysis that made it (after a reload, on another engine).
 */
import { type Calibration, captureStates } from '../capture/index.ts';
import type { AffineMap, BlockSpec, ModelStream, StreamProbes, Transformer } from '../model/index.ts';
import type { PerStream, SplitRule } from '../report/report.ts';
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

/** The probes that an analysis of this calibration fits, bit for bit on the same engine; two states are held at a time. */
export async function fitProbes(
  transformer: Transformer,
  calibration: Calibration,
  {
    signal,
    ridge = DEFAULT_RIDGE,
    rule = 'prompt-groups',
    onBlock = () => {},
  }: {
    readonly signal?: AbortSignal;
    readonly ridge?: number;
    /** Of the analysis that they are of. */
    readonly rule?: SplitRule;
    readonly onBlock?: (done: number, total: number) => void;
  } = {},
): Promise<StreamProbes[]> {
  const { blocks, streams } = transformer.architecture;
  const split = splitRows(calibration, rule);
  const pace = new Pace(signal);
  const probes: StreamProbes[] = [];
  let before: PerStream<Float32Array> | null = null;
  for await (const { index, states } of captureStates(transformer, calibration, { signal })) {
    const block = blocks[index];
    if (before && block) {
      const input = before;
      const around = (id: string) => [input[id]!, states[id]!] as const;
      const { maps } = await fitBlockProbe(block, streams, around, transformer.config.width, split, ridge, pace);
      probes.push(maps);
      onBlock(probes.length, blocks.length);
    }
    before = states;
  }
  return probes;
}
