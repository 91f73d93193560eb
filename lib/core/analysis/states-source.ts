/**
 * Where the states of an analysis come from: a model that runs on a calibration, or a trace that was captured elsewhere. All
 * that needs weights (damage, ablation) needs a transformer; everything else is the same for both.
 */
import { type Calibration, type CaptureOptions, captureStates, sampledRows } from '../capture/index.ts';
import { type Architecture, architectureOf, type Transformer } from '../model/index.ts';
import type { PerStream } from '../report/report.ts';
import type { StateStore } from '../states/index.ts';
import { type Trace, traceStates, traceStore } from '../trace/index.ts';

/** What an analysis knows of the samples that states are of. */
export type StateSamples = Pick<Calibration, 'facts' | 'rows' | 'groups' | 'levels' | 'validTokens' | 'tokenLimit'>;

export interface SourceStates {
  readonly index: number;
  readonly states: PerStream<Float32Array>;
  /** Null where no block was timed. */
  readonly blockMs: number | null;
}

export interface StatesOptions extends Omit<CaptureOptions, 'keep'> {
  readonly keep?: (captured: SourceStates) => Promise<void>;
}

export interface StatesSource {
  readonly samples: StateSamples;
  readonly width: number;
  readonly architecture: Pick<Architecture, 'streams' | 'stacks' | 'blocks'>;
  /** −1, then each block in order, from `from` on. */
  states(options: StatesOptions): AsyncIterable<SourceStates>;
  /** What an analysis keeps, in `store`; states that can be read where they are take no room in it. */
  storeOver(store: StateStore): StateStore;
  /** With the inputs of the states; null where there are no weights. */
  readonly model: { readonly transformer: Transformer; readonly calibration: Calibration } | null;
}

export function modelStates(transformer: Transformer, calibration: Calibration): StatesSource {
  return {
    samples: calibration,
    width: transformer.config.width,
    architecture: transformer.architecture,
    states: (options) => captureStates(transformer, calibration, options),
    storeOver: (store) => store,
    model: { transformer, calibration },
  };
}

/** At most `tokens` rows of each stream; null for all that the trace holds. */
export function tracedStates(trace: Trace, tokens: number | null = null): StatesSource {
  const sampled = tokens === null ? null : sampledRows(trace.samples, tokens);
  const taken = sampled?.taken ?? undefined;
  return {
    samples: { ...trace.samples, ...sampled },
    width: trace.config.width,
    architecture: architectureOf(trace.config),
    states: (options) => traceStates(trace, { ...options, taken }),
    storeOver: (store) => traceStore(trace, store, taken),
    model: null,
  };
}
