/**
 * Hidden states of both streams before and after every block. Blocks are the outer loop and batches the inner one, so
 * that each block's weights are read once, whatever the model's size; only the batches' states wait on the engine.
 */
import { ContiguaError } from '../errors.ts';
import {
  disposeState,
  type PassContext,
  type State,
  type Transformer,
  type TransformerInputs,
} from '../model/index.ts';
import { pause } from '../pause.ts';
import { STREAMS } from '../report/report.ts';
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
    for (let index = -1; index < transformer.config.numBlocks; index++) {
      if (index >= 0) await transformer.loadBlock(index);
      const rows = new RowBuffers(calibration, transformer.config.width);
      const sampleMs: number[] = [];
      for (const pass of passes) {
        await pause(signal);
        const started = performance.now();
        if (index >= 0) {
          const next = await transformer.runBlock(index, pass.state, pass.context);
          disposeState(pass.state);
          pass.state = next;
        }
        const [image, text] = await Promise.all([pass.state.image.data(), pass.state.text.data()]);
        if (index >= 0) sampleMs.push((performance.now() - started) / pass.inputs.batch);
        rows.append(image, text, pass.inputs.mask);
      }
      for (const stream of STREAMS) checkFinite(rows[stream], stream, index);
      yield { index, image: rows.image, text: rows.text, blockMs: median(sampleMs) };
    }
  } finally {
    for (const { state, context } of passes) {
      disposeState(state);
      transformer.disposeContext(context);
    }
  }
}

/** Gathers batches' states into one matrix per stream, leaving out padded text. */
class RowBuffers {
  readonly image: Float32Array;
  readonly text: Float32Array;
  #imageAt = 0;
  #textAt = 0;
  readonly #width: number;

  constructor({ rows }: Calibration, width: number) {
    this.image = new Float32Array(rows.image.length * width);
    this.text = new Float32Array(rows.text.length * width);
    this.#width = width;
  }

  append(image: ArrayLike<number>, text: Float32Array | Int32Array | Uint8Array, mask: Uint8Array | null): void {
    this.image.set(image, this.#imageAt);
    this.#imageAt += image.length;
    for (let token = 0; token < text.length / this.#width; token++) {
      if (mask && !mask[token]) continue;
      this.text.set(text.subarray(token * this.#width, (token + 1) * this.#width), this.#textAt);
      this.#textAt += this.#width;
    }
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
