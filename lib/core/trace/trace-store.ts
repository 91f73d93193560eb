/**
 * A store in which the states of a trace, of all rows or of those that are taken, are already there, read from its file by
 * ranges: nothing of them is copied. Everything else goes to the store below.
 */
import type { StateStore } from '../states/index.ts';
import type { Trace } from './open-trace.ts';
import { readTaken, type TakenRows } from './trace-states.ts';

/** Keys of states are `STREAM/INDEX`, −1 for the embedded input (lib/core/analysis/probe-sweep.ts). */
export function traceStore(trace: Trace, below: StateStore, taken: TakenRows = {}): StateStore {
  const { streams, blocks } = trace.model;
  const traced = (key: string): { readonly stream: string; readonly index: number } | null => {
    const [, stream, digits] = /^(.*)\/(-1|\d+)$/.exec(key) ?? [];
    const index = Number(digits);
    return stream !== undefined && streams.some(({ id }) => id === stream) && index < blocks.length
      ? { stream, index }
      : null;
  };
  const rowsOf = (stream: string) => taken[stream]?.length ?? trace.samples.rows[stream]?.length ?? 0;
  return {
    async create(key, rows, width) {
      if (!traced(key)) await below.create(key, rows, width);
    },
    async write(key, fromRow, values) {
      if (!traced(key)) await below.write(key, fromRow, values);
    },
    async seal(key) {
      if (!traced(key)) await below.seal(key);
    },
    async shape(key) {
      const state = traced(key);
      return state ? { rows: rowsOf(state.stream), width: trace.model.width } : await below.shape(key);
    },
    async read(key, fromRow = 0, toRow) {
      const state = traced(key);
      if (!state) return await below.read(key, fromRow, toRow);
      const { stream, index } = state;
      return new Float32Array(
        await readTaken(trace, stream, index, taken[stream] ?? null, fromRow, toRow ?? rowsOf(stream)),
      );
    },
    async remove(key) {
      if (!traced(key)) await below.remove(key);
    },
    clear: () => below.clear(),
    get usage() {
      return below.usage;
    },
    dispose: () => below.dispose(),
  };
}
