/**
 * Hidden states of every stream before and after every block. Blocks are the outer loop and batches the inner one, so
 * that each block's weights are read once, whatever the model's size; only the batches' states wait on the engine.
 */
import { ContiguaError } from '../errors.ts';
import { type ModelStream, streamTokens, type Transformer, type TransformerInputs } from '../model/index.ts';
import { pause } from '../pause.ts';
import type { PerStream } from '../report/report.ts';
import { FLOAT_BYTES, type StateStore } from '../states/index.ts';
import type { Calibration, CapturedBlock } from './calibration.ts';
import { Passes, storedPasses } from './passes.ts';
import { RowBuffers, valuesOf } from './row-buffers.ts';

export interface CaptureOptions {
  readonly signal?: AbortSignal | undefined;
  /**
   * Where states of batches wait when there is no room for them on the engine, and what a later capture of the same model,
   * calibration and engine goes on from. None by default.
   */
  readonly store?: StateStore | undefined;
  /** States of all batches that may wait on the engine; more than that wait in the store. */
  readonly engineBytes?: number | undefined;
  /** The first index to yield (−1); earlier blocks run only as far as the store does not have their states. */
  readonly from?: number | undefined;
  /**
   * Least time between two checkpoints of states that wait on the engine; by default writing them takes at most a twentieth of
   * the time.
   */
  readonly checkpointEveryMs?: number | undefined;
  /** Gets the whole states after some blocks (−1: the embedded input), batch by batch. */
  readonly whole?: WholeStates | undefined;
  /** Stores what is about to be yielded. Awaited before the checkpoint after it, so that a later capture starts behind both. */
  readonly keep?: ((captured: CapturedBlock) => Promise<void>) | undefined;
}

/** Padded tokens and those that are not sampled are included. */
export interface WholeStates {
  readonly after: readonly number[];
  /** `values`: [B, N, D] of each stream of a batch. Batches come in order. */
  put(index: number, values: PerStream<Float32Array>, inputs: TransformerInputs): Promise<void>;
}

/** Of the time a capture takes, for checkpoints. */
const CHECKPOINT_SHARE = 1 / 20;

/** Yields −1 (the embedded input), then each block in order. Stopping early, by `signal` or by leaving the loop, frees everything. */
export async function* captureStates(
  transformer: Transformer,
  calibration: Calibration,
  {
    signal,
    store,
    engineBytes = Number.POSITIVE_INFINITY,
    from = -1,
    checkpointEveryMs,
    whole,
    keep = async () => {},
  }: CaptureOptions = {},
): AsyncGenerator<CapturedBlock> {
  const { config, architecture } = transformer;
  const { streams } = architecture;
  const spills = store !== undefined && passBytes(calibration, streams, config.width) > engineBytes;
  const passes = new Passes(transformer, store ?? null, spills);
  try {
    const beginAll = async (keepsState: boolean) => {
      for (const inputs of calibration.batches) {
        await pause(signal);
        await passes.begin(inputs, keepsState);
      }
    };
    const stored = store && from > 0 ? await storedPasses(store) : null;
    let first = -1;
    if (stored && stored.after < from) {
      await beginAll(false);
      if (await passes.restore(stored)) first = stored.after + 1;
      else passes.dispose();
    }
    if (first < 0) await beginAll(true);
    if (first < 0 && spills) await passes.checkpoint(-1);
    let checkpointAt = performance.now();
    let checkpointMs = 0;
    for (let index = first; index < config.numBlocks; index++) {
      if (index >= 0) await transformer.loadBlock(index);
      transformer.prefetchBlock(index + 1);
      const rows = index >= from ? new RowBuffers(calibration, streams, config.width) : null;
      const sampleMs: number[] = [];
      for (const [batch, pass] of passes.all.entries()) {
        await pause(signal);
        const state = await passes.load(batch);
        const started = performance.now();
        const next = index >= 0 ? await transformer.runBlock(index, state, pass.context) : state;
        const values = rows && (await valuesOf(next));
        if (index >= 0) sampleMs.push((performance.now() - started) / pass.inputs.batch);
        if (values) rows.append(values, pass.inputs);
        if (values && whole?.after.includes(index)) await whole.put(index, values, pass.inputs);
        await passes.put(batch, next);
      }
      const captured = rows && { index, states: rows.states, blockMs: median(sampleMs) };
      if (captured) {
        for (const { id, label } of streams) checkFinite(captured.states[id]!, label, index);
        await keep(captured);
      }
      const startedMs = performance.now();
      const isDue = startedMs - checkpointAt >= (checkpointEveryMs ?? checkpointMs / CHECKPOINT_SHARE);
      if (index === config.numBlocks - 1) await passes.forget();
      else if (spills || (store && index >= 0 && isDue)) {
        await passes.checkpoint(index);
        checkpointAt = performance.now();
        checkpointMs = checkpointAt - startedMs;
      }
      if (captured) yield captured;
    }
  } finally {
    passes.dispose();
    transformer.releaseBlocks();
  }
}

/** Of the states of all batches, padded tokens included. */
export function passBytes({ batches }: Calibration, streams: readonly ModelStream[], width: number): number {
  return batches.reduce(
    (sum, inputs) =>
      sum + streams.reduce((of, stream) => of + inputs.batch * streamTokens(inputs, stream) * width * FLOAT_BYTES, 0),
    0,
  );
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((x, y) => x - y);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2;
}

/** One overflow makes NaN of everything after it, which every later stage would take for "nothing to say". */
function checkFinite(values: Float32Array, stream: string, index: number): void {
  const found = values.find((value) => !Number.isFinite(value));
  if (found === undefined) return;
  const after = index < 0 ? 'the embedded input' : `the state after block ${index}`;
  throw new ContiguaError('state-not-finite', 'The forward pass overflows', {
    found: `${found} in ${after}, ${stream} stream`,
    expected: 'finite numbers',
    hint: 'The checkpoint holds values that are too large, or the calibration does: compare with a run in diffusers.',
  });
}
