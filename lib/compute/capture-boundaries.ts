/**
 * Whole states around intervals, for the file boundaries.safetensors. The file holds one state after the other and a capture
 * passes one batch after the other: the states wait in a folder beside the file, which goes when they are written.
 */
import type { Calibration, WholeStates } from '../core/capture/index.ts';
import { streamMask, streamTokens, type Transformer, type TransformerInputs } from '../core/model/index.ts';
import type { SavedFile } from '../core/run/progress.ts';
import type { StateStore } from '../core/states/index.ts';
import { type BoundariesToWrite, boundaryBlocks, boundaryParts, TRACE_FILES } from '../core/trace/index.ts';
import type { FileHost } from './folder/file-host.ts';

/** Held in memory while the file is written. */
const PIECE_BYTES = 2 ** 24;

export class BoundaryCapture {
  /** For `captureStates`. */
  readonly whole: WholeStates;
  readonly #tokens: Readonly<Record<string, number>>;
  /** Samples that the store holds of each state. */
  readonly #filled = new Map<string, number>();

  private constructor(
    private readonly transformer: Transformer,
    private readonly samples: number,
    private readonly intervals: BoundariesToWrite['intervals'],
    private readonly store: StateStore,
    /** Whether what the store holds is of this capture alone, and goes with it. */
    private readonly isOwn: boolean,
    first: TransformerInputs,
  ) {
    const { streams } = transformer.architecture;
    this.#tokens = Object.fromEntries(streams.map((stream) => [stream.id, streamTokens(first, stream)]));
    this.whole = {
      after: boundaryBlocks(intervals),
      put: async (block, values, inputs) => {
        for (const stream of streams) await this.#put(stream.id, block, values[stream.id]!, streamMask(inputs, stream));
      },
    };
  }

  /** `folder` is the URL that the file will be written under. In `kept`, the store of the capture, whole states are found again. */
  static async open(
    files: FileHost,
    folder: string,
    intervals: BoundariesToWrite['intervals'],
    transformer: Transformer,
    { batches, facts: { samples } }: Calibration,
    kept: StateStore | null = null,
  ): Promise<BoundaryCapture> {
    const store = kept ?? (await files.openStates(folder, Number.POSITIVE_INFINITY, TRACE_FILES.boundaries));
    // A capture that was killed has left its states.
    if (!kept) await store.clear();
    return new BoundaryCapture(transformer, samples, intervals, store, !kept, batches[0]!);
  }

  /** Whether the states after a block (−1: the embedded input) are there, or are not asked for. */
  async has(block: number): Promise<boolean> {
    if (!this.whole.after.includes(block)) return true;
    for (const { id } of this.transformer.architecture.streams) {
      if (!(await this.store.shape(stateKey(id, block)))) return false;
    }
    return true;
  }

  /** Once the capture has passed every block. */
  async save(
    files: FileHost,
    url: string,
    about: Pick<BoundariesToWrite, 'model' | 'calibration' | 'dtype'>,
  ): Promise<SavedFile> {
    const { samples, intervals, store } = this;
    const read = async function* (stream: string, block: number) {
      const key = stateKey(stream, block);
      const { rows, width } = (await store.shape(key))!;
      const piece = Math.max(1, Math.floor(PIECE_BYTES / (4 * width)));
      for (let from = 0; from < rows; from += piece) yield await store.read(key, from, Math.min(from + piece, rows));
    };
    return await files.saveFile(url, boundaryParts({ ...about, intervals, samples, tokens: this.#tokens }, read));
  }

  async dispose(): Promise<void> {
    if (!this.isOwn) return;
    await this.store.clear();
    await this.store.dispose();
  }

  /** Padded tokens become zeros, as in the files of the capture tool. */
  async #put(stream: string, block: number, values: Float32Array, mask: Uint8Array | null): Promise<void> {
    const { width } = this.transformer.config;
    const key = stateKey(stream, block);
    const tokens = this.#tokens[stream]!;
    const done = this.#filled.get(key) ?? 0;
    if (done === 0) await this.store.create(key, this.samples * tokens, width);
    const masked = mask ? zeroed(values, mask, width) : values;
    await this.store.write(key, done * tokens, masked);
    const filled = done + values.length / (tokens * width);
    this.#filled.set(key, filled);
    if (filled === this.samples) await this.store.seal(key);
  }
}

function zeroed(values: Float32Array, mask: ArrayLike<number>, width: number): Float32Array {
  const kept = values.slice();
  for (let token = 0; token < mask.length; token++) {
    if (!mask[token]) kept.fill(0, token * width, (token + 1) * width);
  }
  return kept;
}

function stateKey(stream: string, block: number): string {
  return `whole/${stream}-${block < 0 ? 'input' : block}`;
}
