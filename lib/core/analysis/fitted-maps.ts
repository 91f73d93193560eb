/**
 * Fitted maps of a model, one run's at a time: those of an analysis, whose store holds its probes and the states that maps of
 * longer runs are fitted from when they are needed, and those that were fitted again from a calibration.
 */
import { probedRun } from '../edit/index.ts';
import { type BlockInterval, formatIntervalKey } from '../interval/index.ts';
import type { AffineMap, Architecture, StreamId, StreamProbes } from '../model/index.ts';
import type { StateStore } from '../states/index.ts';
import { fitRunMap } from './fit-probes.ts';
import type { RowSplit } from './held-out.ts';
import { Pace } from './pace.ts';
import { stateKey } from './probe-sweep.ts';
import { type BlockProbes, readProbe, readRunMap } from './stored-probes.ts';

export interface FittedMaps extends BlockProbes {
  /** The map from the state after block `first` to the state after block `last`; the probe of block k spans [k − 1, k]. */
  across(run: BlockInterval, pace?: Pace): Promise<StreamProbes>;
}

/** By the key of the run that each spans. */
export function listedMaps(maps: ReadonlyMap<string, StreamProbes>): FittedMaps {
  const across = async (run: BlockInterval): Promise<StreamProbes> => {
    const found = maps.get(formatIntervalKey(run));
    if (!found) throw new RangeError(`No fitted map from block ${run.first} to block ${run.last}: ${maps.size} given`);
    return found;
  };
  return { across, of: (block) => across(probedRun(block)) };
}

export function listedProbes(probes: readonly StreamProbes[]): FittedMaps {
  return listedMaps(new Map(probes.map((probe, block) => [formatIntervalKey(probedRun(block)), probe])));
}

/** Those that `putRunMap` has put into the store; none where there is none. */
export function storedRunMaps(store: StateStore, { streams }: Pick<Architecture, 'streams'>): FittedMaps {
  const ids = streams.map(({ id }) => id);
  const across = async (run: BlockInterval) => await readRunMap(store, run, ids);
  return { across, of: (block) => across(probedRun(block)) };
}

/** What an analysis that keeps its states in `store` has fitted, and can fit from them. */
export function storedMaps(
  store: StateStore,
  { blocks, streams }: Pick<Architecture, 'blocks' | 'streams'>,
  { width, fit, ridge }: { readonly width: number; readonly fit: RowSplit['fit']; readonly ridge: number },
): FittedMaps {
  const of = async (block: number) => {
    const maps: [StreamId, AffineMap | null][] = [];
    for (const { id } of streams) maps.push([id, await readProbe(store, id, block)]);
    return Object.fromEntries(maps);
  };
  return {
    of,
    async across({ first, last }, pace = new Pace()) {
      if (last === first + 1) return await of(last);
      const stateAfter = async (block: number) => {
        const states: [StreamId, Float32Array][] = [];
        for (const { id } of streams) states.push([id, await store.read(stateKey(id, block + 1))]);
        return Object.fromEntries(states);
      };
      const [before, after] = [await stateAfter(first), await stateAfter(last)];
      return await fitRunMap(blocks[last]!, streams, before, after, width, fit, ridge, pace);
    },
  };
}
