/**
 * Rows of a calibration out of tensors of whole batches: the tokens that are sampled, without padded ones, in the order in which a
 * capture has them, so that rows of one stream from different places in the model belong together.
 */
import { type ModelStream, type State, type StreamId, streamMask, type TransformerInputs } from '../model/index.ts';
import type { PerStream } from '../report/report.ts';
import type { Calibration } from './calibration.ts';

/** The values of every stream, read back together. */
export async function valuesOf(state: State): Promise<PerStream<Float32Array>> {
  const read = Object.entries(state).map(async ([stream, x]) => [stream, await x.data<'float32'>()] as const);
  return Object.fromEntries(await Promise.all(read));
}

/** Gathers batches' states into one matrix per stream, leaving out padded tokens and those that are not sampled. */
export class RowBuffers {
  readonly states: PerStream<Float32Array>;
  readonly #filled: Record<StreamId, number> = {};
  /** Valid tokens seen of each stream. */
  readonly #seen: Record<StreamId, number> = {};

  constructor(
    private readonly calibration: Calibration,
    private readonly streams: readonly ModelStream[],
    private readonly width: number,
  ) {
    this.states = Object.fromEntries(
      streams.map(({ id }) => [id, new Float32Array((calibration.rows[id]?.length ?? 0) * width)] as const),
    );
  }

  append(values: PerStream<Float32Array>, inputs: TransformerInputs): void {
    for (const stream of this.streams) {
      const mask = streamMask(inputs, stream);
      const taken = this.calibration.taken?.[stream.id];
      const from = values[stream.id]!;
      if (!mask && !taken) {
        this.#add(stream.id, from);
        continue;
      }
      let seen = this.#seen[stream.id] ?? 0;
      for (let token = 0; token < from.length / this.width; token++) {
        if (mask && !mask[token]) continue;
        const isTaken = !taken || taken[this.#rowsOf(stream.id)] === seen;
        if (isTaken) this.#add(stream.id, from.subarray(token * this.width, (token + 1) * this.width));
        seen += 1;
      }
      this.#seen[stream.id] = seen;
    }
  }

  #rowsOf(stream: StreamId): number {
    return (this.#filled[stream] ?? 0) / this.width;
  }

  #add(stream: StreamId, rows: Float32Array): void {
    const at = this.#filled[stream] ?? 0;
    this.states[stream]!.set(rows, at);
    this.#filled[stream] = at + rows.length;
  }
}
