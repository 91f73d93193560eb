/**
 * Several ways through the depth side by side with the whole model, over several batches: each block's weights are read once
 * however many ways and batches there are, and a way costs only what it does otherwise, since up to its first own step it is
 * the whole model.
 */
import {
  cloneState,
  disposeState,
  type PassContext,
  projected,
  type RouteStep,
  type State,
  type Transformer,
  type TransformerInputs,
} from '../model/index.ts';
import type { FittedMaps } from './fitted-maps.ts';
import type { Pace } from './pace.ts';
import { firstChange, fittedAt, openedAt, readyStep, replaceState, type Way, type WayStep } from './way.ts';

interface Lane {
  readonly steps: Way;
  /** The first block that it does not run as it is. */
  readonly leavesBefore: number;
  /** Null until the lane leaves the whole model. */
  state: State | null;
}

interface Pass {
  readonly context: PassContext;
  readonly lanes: readonly Lane[];
  readonly known: Float32Array | null;
  whole: State;
}

/**
 * Of each way, in their order, its outputs per batch, once the last block has run. `wholeOutputs` are those of the whole model, and are
 * filled where they are missing; where all are there, the whole model only runs until the last way has left it.
 */
export async function* runSideBySide(
  transformer: Transformer,
  batches: readonly TransformerInputs[],
  wholeOutputs: Float32Array[],
  ways: readonly Way[],
  maps: FittedMaps,
  pace: Pace,
  onBlock: () => void,
): AsyncGenerator<readonly Float32Array[]> {
  const passes: Pass[] = [];
  const leaving = ways.map(firstChange);
  const lastLeft = Math.max(...leaving, 0);
  try {
    for (const [index, inputs] of batches.entries()) {
      const { context, state } = await transformer.begin(inputs);
      const lanes = ways.map((steps, way): Lane => ({ steps, leavesBefore: leaving[way]!, state: null }));
      passes.push({ context, lanes, known: wholeOutputs[index] ?? null, whole: state });
      await pace.breathe();
    }
    const everyOutputIsKnown = passes.every(({ known }) => known !== null);
    const runs = (block: number) =>
      !everyOutputIsKnown || lastLeft > block || ways.some((steps) => readsBlock(steps[block] ?? null));
    const { numBlocks } = transformer.config;
    for (let block = 0; block < numBlocks; block++) {
      const fitted = await fittedAt(ways, block, maps, pace);
      if (runs(block)) await transformer.loadBlock(block);
      if (block + 1 < numBlocks && runs(block + 1)) transformer.prefetchBlock(block + 1);
      const opened = await openedAt(ways, block);
      const stepOf = (step: WayStep) => readyStep(step, fitted, opened.steps);
      try {
        for (const pass of passes) {
          await advance(transformer, pass, block, stepOf, pace);
          onBlock();
          await pace.breathe();
        }
      } finally {
        opened.dispose();
      }
    }
    for (const [index, { context, whole }] of passes.entries()) {
      wholeOutputs[index] ??= await projected(transformer, context, whole);
    }
    for (const way of ways.keys()) {
      const edited: Float32Array[] = [];
      for (const { context, lanes, whole } of passes) {
        edited.push(await projected(transformer, context, lanes[way]!.state ?? whole));
      }
      yield edited;
    }
  } finally {
    transformer.releaseBlocks();
    for (const { whole, lanes, context } of passes) {
      disposeState(whole);
      for (const { state } of lanes) if (state) disposeState(state);
      transformer.disposeContext(context);
    }
  }
}

async function advance(
  transformer: Transformer,
  pass: Pass,
  block: number,
  stepOf: (step: WayStep) => RouteStep | null,
  pace: Pace,
): Promise<void> {
  const { lanes, context, known } = pass;
  for (const lane of lanes) {
    if (lane.leavesBefore > block) continue;
    lane.state ??= cloneState(pass.whole);
    const step = stepOf(lane.steps[block] ?? null);
    if (step) lane.state = replaceState(lane.state, await transformer.runStep(step, lane.state, context));
    await pace.breathe();
  }
  if (!known || lanes.some(({ leavesBefore }) => leavesBefore > block)) {
    pass.whole = replaceState(pass.whole, await transformer.runBlock(block, pass.whole, context));
  }
}

/** Whether the step runs with the block's own weights. */
function readsBlock(step: WayStep): boolean {
  if (step?.kind === 'narrowed') return readsBlock(step.step);
  return step?.kind === 'block' || step?.kind === 'half' || (step?.kind === 'narrow' && step.weights === null);
}
