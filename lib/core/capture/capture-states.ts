/**
 * Hidden states of every stream before and after every block. Blocks are the outer loop and batches the inner one, so
 * that each block's weights are read once, whatever the model's size; only the batches' states wait on the engine.
 */
import { ContiguaError } from '../errors.ts';
import {
  disposeState,
  type ModelStream,
  type PassContext,
  type State,
  type StreamId,
  streamMask,
  type Transformer,
  type TransformerInputs,
} from '../model/index.ts';
import { pause } from '../pause.ts';
import type { PerStream } from '../report/report.ts';
import type { Calibration, CapturedBlock } from './calibration.ts';

export interface CaptureOptions {
  readonly signal?: AbortSignal | undefined;
}

interface Pass {
  readonly inputs: TransformerInputs;
  readonly context: PassContext;
  state: State;
}

/** Yields −1 (the embedded input), then each block in order. Stopping early, by `signal` or by leaving the loop, frees everything. */
export async function* captureStates(
  transformer: Transformer,
  calibration: Calibration,
  { signal }: CaptureOptions = {},
): AsyncGenerator<CapturedBlock> {
  const passes: Pass[] = [];
  try {
    for (const inputs of calibration.batches) {
      await pause(signal);
      passes.push({ inputs, ...(await transformer.begin(inputs)) });
    }
    const { streams } = transformer.architecture;
    for (let index = -1; index < transformer.config.numBlocks; index++) {
      if (index >= 0) await transformer.loadBlock(index);
      const rows = new RowBuffers(calibration, streams, transformer.config.width);
      const sampleMs: number[] = [];
      for (const pass of passes) {
        await pause(signal);
        const started = performance.now();
        if (index >= 0) {
          const next = await transformer.runBlock(index, pass.state, pass.context);
          disposeState(pass.state);
          pass.state = next;
        }
        const values = await valuesOf(pass.state);
        if (index >= 0) sampleMs.push((performance.now() - started) / pass.inputs.batch);
        rows.append(values, pass.inputs);
      }
      for (const { id, label } of streams) checkFinite(rows.states[id]!, label, index);
      yield { index, states: rows.states, blockMs: median(sampleMs) };
    }
  } finally {
    for (const { state, context } of passes) {
      disposeState(state);
      transformer.disposeContext(context);
    }
  }
}

/** The values of every stream, read back together. */
async function valuesOf(state: State): Promise<PerStream<Float32Array>> {
  const read = Object.entries(state).map(async ([stream, x]) => [stream, await x.data<'float32'>()] as const);
  return Object.fromEntries(await Promise.all(read));
}

/** Gathers batches' states into one matrix per stream, leaving out padded tokens. */
class RowBuffers {
  readonly states: PerStream<Float32Array>;
  readonly #filled: Record<StreamId, number> = {};

  constructor(
    { rows }: Calibration,
    private readonly streams: readonly ModelStream[],
    private readonly width: number,
  ) {
    this.states = Object.fromEntries(
      streams.map(({ id }) => [id, new Float32Array((rows[id]?.length ?? 0) * width)] as const),
    );
  }

  append(values: PerStream<Float32Array>, inputs: TransformerInputs): void {
    for (const stream of this.streams) {
      const mask = streamMask(inputs, stream);
      const from = values[stream.id]!;
      if (!mask) {
        this.#add(stream.id, from);
        continue;
      }
      for (let token = 0; token < from.length / this.width; token++) {
        if (mask[token]) this.#add(stream.id, from.subarray(token * this.width, (token + 1) * this.width));
      }
    }
  }

  #add(stream: StreamId, rows: Float32Array): void {
    const at = this.#filled[stream] ?? 0;
    this.states[stream]!.set(rows, at);
    this.#filled[stream] = at + rows.length;
  }
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
