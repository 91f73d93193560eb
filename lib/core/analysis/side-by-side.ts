/**
 * Several ways through the depth side by side with the whole model: block weights are read once however many ways there are,
 * and a way costs only what it does otherwise, since up to its first own step it is the whole model.
 */
import {
  type BlockSteps,
  cloneState,
  disposeState,
  type PassContext,
  type State,
  type Transformer,
  type TransformerInputs,
} from '../model/index.ts';
import type { Pace } from './pace.ts';

interface Lane {
  readonly steps: BlockSteps;
  /** The first block that it does not run as it is. */
  readonly leavesBefore: number;
  /** Null until the lane leaves the whole model. */
  state: State | null;
}

export interface Outputs {
  readonly whole: Float32Array;
  /** One per way. */
  readonly edited: readonly Float32Array[];
}

/** With the whole model's output known, the whole model only runs until the last way has left it. */
export async function runSideBySide(
  transformer: Transformer,
  inputs: TransformerInputs,
  knownOutput: Float32Array | null,
  ways: readonly BlockSteps[],
  pace: Pace,
  onBlock: () => void,
): Promise<Outputs> {
  const begun = await transformer.begin(inputs);
  const { context } = begun;
  let whole = begun.state;
  const lanes = ways.map((steps): Lane => ({ steps, leavesBefore: firstChange(steps), state: null }));
  try {
    for (let block = 0; block < transformer.config.numBlocks; block++) {
      for (const lane of lanes) {
        if (lane.leavesBefore > block) continue;
        lane.state ??= cloneState(whole);
        const step = lane.steps[block];
        if (step) lane.state = replace(lane.state, await transformer.runStep(step, lane.state, context));
        await pace.breathe();
      }
      if (!knownOutput || lanes.some(({ leavesBefore }) => leavesBefore > block)) {
        whole = replace(whole, await transformer.runBlock(block, whole, context));
      }
      onBlock();
      await pace.breathe();
    }
    const edited: Float32Array[] = [];
    for (const { state } of lanes) edited.push(await project(transformer, context, state ?? whole));
    return { whole: knownOutput ?? (await project(transformer, context, whole)), edited };
  } finally {
    disposeState(whole);
    for (const { state } of lanes) if (state) disposeState(state);
    transformer.disposeContext(context);
  }
}

function firstChange(steps: BlockSteps): number {
  const found = steps.findIndex((step) => step?.kind !== 'block');
  return found < 0 ? steps.length : found;
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
