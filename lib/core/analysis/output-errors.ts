/**
 * What removing intervals does to the model's output, measured with the forward pass on held-out samples. All intervals
 * go through the depth side by side with the whole model: block weights are read once however many intervals there are,
 * and an interval costs only the blocks behind it, since up to its first block it is the whole model.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { BlockInterval } from '../interval/interval.ts';
import {
  type AffineMap,
  applyProbe,
  cloneState,
  disposeState,
  type PassContext,
  type State,
  type StreamProbes,
  type Transformer,
  type TransformerInputs,
} from '../model/index.ts';
import type { Pace } from './pace.ts';

/** What a lane does in place of blocks first+1..last: nothing, or their probes. */
type Replacement = 'removed' | 'probes';

/**
 * ‖out_pruned − out‖ / ‖out‖ over all samples, with blocks first+1..last removed, and with their probes in place. Null
 * where that is no number: the pruned model overflows, or the whole one puts out zeros.
 */
export interface OutputErrors {
  readonly removed: number | null;
  readonly probed: number | null;
}

export interface DamageInputs {
  readonly batches: readonly TransformerInputs[];
  /** One per block. */
  readonly probes: readonly StreamProbes[];
  /** The whole model's output per batch; filled at the first measurement, after which only what differs is computed. */
  readonly wholeOutputs: Float32Array[];
}

/** One error pair per interval; each interval is measured alone. `onBlock` is called once per block and batch of inputs. */
export async function outputErrors(
  transformer: Transformer,
  { batches, probes, wholeOutputs }: DamageInputs,
  intervals: readonly BlockInterval[],
  pace: Pace,
  onBlock: () => void = () => {},
): Promise<OutputErrors[]> {
  const squares = intervals.map(() => ({ removed: 0, probed: 0 }));
  let outputSquare = 0;
  for (const [index, inputs] of batches.entries()) {
    const known = wholeOutputs[index] ?? null;
    const pass = await runSideBySide(transformer, inputs, known, probes, intervals, pace, onBlock);
    wholeOutputs[index] = pass.whole;
    outputSquare += squaredDistance(pass.whole, null);
    intervals.forEach((_, i) => {
      squares[i]!.removed += squaredDistance(pass.removed[i]!, pass.whole);
      squares[i]!.probed += squaredDistance(pass.probes[i]!, pass.whole);
    });
  }
  const relative = (square: number) => {
    const error = Math.sqrt(square / outputSquare);
    return Number.isFinite(error) ? error : null;
  };
  return squares.map(({ removed, probed }) => ({ removed: relative(removed), probed: relative(probed) }));
}

interface Lane {
  readonly interval: BlockInterval;
  readonly replacement: Replacement;
  /** Null until the lane leaves the whole model behind block `first`. */
  state: State | null;
}

async function runSideBySide(
  transformer: Transformer,
  inputs: TransformerInputs,
  knownOutput: Float32Array | null,
  probes: readonly StreamProbes[],
  intervals: readonly BlockInterval[],
  pace: Pace,
  onBlock: () => void,
): Promise<Record<Replacement, Float32Array[]> & { whole: Float32Array }> {
  const begun = await transformer.begin(inputs);
  const { context } = begun;
  let whole = begun.state;
  const lanesOf = (replacement: Replacement): Lane[] =>
    intervals.map((interval) => ({ interval, replacement, state: null }));
  const lanes: Record<Replacement, Lane[]> = { removed: lanesOf('removed'), probes: lanesOf('probes') };
  const all = [...lanes.removed, ...lanes.probes];
  try {
    for (let block = 0; block < transformer.config.numBlocks; block++) {
      for (const lane of all) {
        if (!lane.state) continue;
        lane.state = await advance(transformer, context, lane, lane.state, block, probes);
        await pace.breathe();
      }
      // With its output known, the whole model only runs until the last lane has left it.
      if (!knownOutput || all.some(({ state }) => !state)) {
        whole = replace(whole, await transformer.runBlock(block, whole, context));
      }
      for (const lane of all) if (lane.interval.first === block) lane.state = cloneState(whole);
      onBlock();
      await pace.breathe();
    }
    const outputs = async (replacement: Replacement) => {
      const values: Float32Array[] = [];
      for (const { state } of lanes[replacement]) if (state) values.push(await project(transformer, context, state));
      return values;
    };
    return {
      whole: knownOutput ?? (await project(transformer, context, whole)),
      removed: await outputs('removed'),
      probes: await outputs('probes'),
    };
  } finally {
    disposeState(whole);
    for (const { state } of all) if (state) disposeState(state);
    transformer.disposeContext(context);
  }
}

/** The lane's state after `block`; the state it had is freed. */
async function advance(
  transformer: Transformer,
  context: PassContext,
  { interval, replacement }: Lane,
  state: State,
  block: number,
  probes: readonly StreamProbes[],
): Promise<State> {
  if (block > interval.last) return replace(state, await transformer.runBlock(block, state, context));
  if (replacement === 'removed') return state;
  const probe = probes[block];
  if (!probe) throw new RangeError(`No probe for block ${block}`);
  return replace(state, applyProbes(state, probe));
}

/** New tensors, owned by the caller. */
function applyProbes({ image, text }: State, probes: StreamProbes): State {
  const applied = (x: tf.Tensor3D, probe: AffineMap | null) => tf.tidy(() => applyProbe(x, probe).clone());
  return { image: applied(image, probes.image), text: applied(text, probes.text) };
}

async function project(transformer: Transformer, context: PassContext, state: State): Promise<Float32Array> {
  const output = transformer.project(state, context);
  const values = await output.data();
  output.dispose();
  return Float32Array.from(values);
}

function replace(old: State, next: State): State {
  disposeState(old);
  return next;
}

/** ‖a − b‖², or ‖a‖² without b. */
function squaredDistance(a: Float32Array, b: Float32Array | null): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - (b ? b[i]! : 0)) ** 2;
  return sum;
}
