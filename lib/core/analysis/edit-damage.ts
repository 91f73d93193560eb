/**
 * What edits do to the model's output, measured with the forward pass on held-out samples. All edits go through the depth
 * side by side with the whole model: block weights are read once however many edits there are, and an edit costs only the
 * blocks behind it, since up to its first block it is the whole model.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Calibration } from '../capture/index.ts';
import type { RunEdit } from '../edit/index.ts';
import {
  applyProbe,
  cloneState,
  disposeState,
  mapState,
  type PassContext,
  type State,
  type StreamProbes,
  type Transformer,
  type TransformerInputs,
} from '../model/index.ts';
import type { EditDamage, SplitRule } from '../report/report.ts';
import { evenlySpread } from './golden-ratio.ts';
import { splitRows } from './held-out.ts';
import { DAMAGE_SAMPLES, inputsOfSamples, spreadSamples } from './held-out-inputs.ts';
import { Pace } from './pace.ts';

export interface DamageInputs {
  readonly batches: readonly TransformerInputs[];
  /** Which samples of the calibration they are, in order. */
  readonly samples: readonly number[];
  /** One per block; needed for edits by probes. */
  readonly probes: readonly StreamProbes[];
  /** The whole model's output per batch; filled at the first measurement, after which only what differs is computed. */
  readonly wholeOutputs: Float32Array[];
}

/** The held-out samples that edits are measured on; any will do where none is held out. */
export function damageInputsOf(
  calibration: Calibration,
  probes: readonly StreamProbes[],
  rule: SplitRule = 'prompt-groups',
): DamageInputs {
  const { heldOutSamples } = splitRows(calibration, rule);
  const allowed = heldOutSamples.length > 0 ? heldOutSamples : [...calibration.groups.keys()];
  const samples =
    rule === 'prompt-groups'
      ? spreadSamples(calibration, allowed, DAMAGE_SAMPLES)
      : evenlySpread(allowed, DAMAGE_SAMPLES);
  return { batches: inputsOfSamples(calibration, samples), samples, probes, wholeOutputs: [] };
}

export interface EditDamageOptions {
  readonly signal?: AbortSignal | undefined;
  /** Blocks done, of all batches. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * ‖out_edited − out‖ / ‖out‖ over all samples, of each edit alone (by nothing or by probes; edits may overlap). Null where
 * that is no number: the edited model overflows, or the whole one puts out zeros.
 */
export async function editDamage(
  transformer: Transformer,
  { batches, probes, wholeOutputs }: DamageInputs,
  edits: readonly RunEdit[],
  { signal, onProgress }: EditDamageOptions = {},
): Promise<EditDamage[]> {
  const pace = new Pace(signal);
  const total = transformer.config.numBlocks * batches.length;
  let blocksDone = 0;
  const onBlock = () => onProgress?.(++blocksDone, total);
  const squares = edits.map(() => 0);
  let outputSquare = 0;
  for (const [index, inputs] of batches.entries()) {
    const known = wholeOutputs[index] ?? null;
    const pass = await runSideBySide(transformer, inputs, known, probes, edits, pace, onBlock);
    wholeOutputs[index] = pass.whole;
    outputSquare += squaredDistance(pass.whole, null);
    for (const [i, output] of pass.edited.entries()) squares[i]! += squaredDistance(output, pass.whole);
  }
  return edits.map((edit, i) => {
    const error = Math.sqrt(squares[i]! / outputSquare);
    return { edit, outputError: Number.isFinite(error) ? error : null, bounds: null, bands: [] };
  });
}

interface Lane {
  readonly edit: RunEdit;
  /** Null until the lane leaves the whole model behind block `first`. */
  state: State | null;
}

async function runSideBySide(
  transformer: Transformer,
  inputs: TransformerInputs,
  knownOutput: Float32Array | null,
  probes: readonly StreamProbes[],
  edits: readonly RunEdit[],
  pace: Pace,
  onBlock: () => void,
): Promise<{ whole: Float32Array; edited: Float32Array[] }> {
  const begun = await transformer.begin(inputs);
  const { context } = begun;
  let whole = begun.state;
  const lanes = edits.map((edit): Lane => ({ edit, state: null }));
  try {
    for (let block = 0; block < transformer.config.numBlocks; block++) {
      for (const lane of lanes) {
        if (!lane.state) continue;
        lane.state = await advance(transformer, context, lane.edit, lane.state, block, probes);
        await pace.breathe();
      }
      // With its output known, the whole model only runs until the last lane has left it.
      if (!knownOutput || lanes.some(({ state }) => !state)) {
        whole = replace(whole, await transformer.runBlock(block, whole, context));
      }
      for (const lane of lanes) if (lane.edit.first === block) lane.state = cloneState(whole);
      onBlock();
      await pace.breathe();
    }
    const edited: Float32Array[] = [];
    for (const { state } of lanes) if (state) edited.push(await project(transformer, context, state));
    return { whole: knownOutput ?? (await project(transformer, context, whole)), edited };
  } finally {
    disposeState(whole);
    for (const { state } of lanes) if (state) disposeState(state);
    transformer.disposeContext(context);
  }
}

/** The lane's state after `block`; the state it had is freed. */
async function advance(
  transformer: Transformer,
  context: PassContext,
  { last, by }: RunEdit,
  state: State,
  block: number,
  probes: readonly StreamProbes[],
): Promise<State> {
  if (block > last) return replace(state, await transformer.runBlock(block, state, context));
  if (by === 'nothing') return state;
  const probe = probes[block];
  if (by !== 'probes' || !probe) throw new RangeError(`No ${by} for block ${block}`);
  return replace(
    state,
    tf.tidy(() => mapState(state, (x, stream) => applyProbe(x, probe[stream] ?? null).clone())),
  );
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
