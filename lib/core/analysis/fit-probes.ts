/**
 * The probes of a model: of one block from the states around it, and of all blocks from a calibration alone, for whoever
 * has a report but not the analysis that made it (after a reload, on another engine).
 */
import { type Calibration, captureStates } from '../capture/index.ts';
import type { AffineMap, BlockSpec, ModelStream, StreamProbes, Transformer } from '../model/index.ts';
import type { PerStream, SplitRule } from '../report/report.ts';
import { type RowSplit, splitRows } from './held-out.ts';
import { Pace } from './pace.ts';
import { asAffineMap, DEFAULT_RIDGE, fitProbe, measureProbe } from './probe.ts';

export interface BlockProbe {
  readonly maps: StreamProbes;
  /** As of `measureProbe`, on held-out rows. */
  readonly r2: PerStream<number | null>;
  readonly error: PerStream<number | null>;
}

/** `around` gives a stream's states before and after the block, [rows, width] each. */
export async function fitBlockProbe(
  { updates }: BlockSpec,
  streams: readonly ModelStream[],
  around: (stream: string) => readonly [Float32Array, Float32Array],
  width: number,
  { fit, heldOut }: Pick<RowSplit, 'fit' | 'heldOut'>,
  ridge: number,
  pace: Pace,
): Promise<BlockProbe> {
  const maps: Record<string, AffineMap | null> = {};
  const r2: Record<string, number | null> = {};
  const errors: Record<string, number | null> = {};
  for (const { id } of streams) {
    const [input, output] = around(id);
    const data = { input, output, width };
    // A stream that no sample has a token of has no probe.
    const isThere = updates.includes(id) && fit[id]!.length > 0;
    const probe = isThere ? await fitProbe({ ...data, rows: fit[id]! }, ridge, pace) : null;
    const quality = probe && (await measureProbe(probe, { ...data, rows: heldOut[id]! }, pace));
    maps[id] = probe && asAffineMap(probe);
    r2[id] = quality?.r2 ?? null;
    errors[id] = quality?.error ?? null;
    await pace.breathe();
  }
  return { maps, r2, error: errors };
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
