/**
 * Several ways through the depth, each to its end, for a model whose weights stay on the engine: a result comes as soon as its way has
 * ended. As side by side (side-by-side.ts), a way is the whole model up to its first own step.
 */
import {
  cloneState,
  disposeState,
  type PassContext,
  projected,
  type State,
  type Transformer,
  type TransformerInputs,
} from '../model/index.ts';
import type { FittedMaps } from './fitted-maps.ts';
import type { Pace } from './pace.ts';
import { firstChange, fittedAt, openedAt, readyStep, replaceState, type Way } from './way.ts';

/**
 * Of each way, in their order, its outputs per batch. `wholeOutputs` are those of the whole model, and are filled where they are missing;
 * where all are there, the whole model only runs until the last way has left it. Its states wait wherever ways leave it, until the
 * last of these begins. `onBlock` is called as often as `blocksOneByOne` says.
 */
export async function* runOneByOne(
  transformer: Transformer,
  batches: readonly TransformerInputs[],
  wholeOutputs: Float32Array[],
  ways: readonly Way[],
  maps: FittedMaps,
  pace: Pace,
  onBlock: () => void,
): AsyncGenerator<readonly Float32Array[]> {
  const { numBlocks } = transformer.config;
  const leaving = ways.map(firstChange);
  const passes: { readonly context: PassContext; readonly left: Map<number, State> }[] = [];
  let lane: State[] = [];
  try {
    for (const [index, inputs] of batches.entries()) {
      const { context, state: first } = await transformer.begin(inputs);
      const left = new Map<number, State>();
      passes.push({ context, left });
      const runsTo = wholeBlocks(numBlocks, wholeOutputs[index] !== undefined, leaving);
      let state = first;
      try {
        for (let block = 0; ; block++) {
          if (leaving.includes(block)) left.set(block, cloneState(state));
          if (block === runsTo) break;
          state = replaceState(state, await transformer.runBlock(block, state, context));
          onBlock();
          await pace.breathe();
        }
        wholeOutputs[index] ??= await projected(transformer, context, state);
      } finally {
        disposeState(state);
      }
    }
    for (const [way, steps] of ways.entries()) {
      const from = leaving[way]!;
      const isLast = leaving.lastIndexOf(from) === way;
      lane = passes.map(({ left }) => (isLast ? taken(left, from) : cloneState(left.get(from)!)));
      for (let block = from; block < numBlocks; block++) {
        const fitted = await fittedAt([steps], block, maps, pace);
        const opened = await openedAt([steps], block);
        const step = readyStep(steps[block] ?? null, fitted, opened.steps);
        try {
          for (const [pass, { context }] of passes.entries()) {
            if (step) lane[pass] = replaceState(lane[pass]!, await transformer.runStep(step, lane[pass]!, context));
            onBlock();
            await pace.breathe();
          }
        } finally {
          opened.dispose();
        }
      }
      const edited: Float32Array[] = [];
      for (const [pass, { context }] of passes.entries())
        edited.push(await projected(transformer, context, lane[pass]!));
      for (const state of lane) disposeState(state);
      lane = [];
      yield edited;
    }
  } finally {
    transformer.releaseBlocks();
    for (const state of lane) disposeState(state);
    for (const { context, left } of passes) {
      for (const state of left.values()) disposeState(state);
      transformer.disposeContext(context);
    }
  }
}

/**
 * Blocks of all batches: the whole model's as far as they run, and those of every way from its first own step. `isKnown`: of each batch,
 * whether the whole model's output is.
 */
export function blocksOneByOne(numBlocks: number, isKnown: readonly boolean[], ways: readonly Way[]): number {
  const leaving = ways.map(firstChange);
  const ofWays = leaving.reduce((sum, from) => sum + numBlocks - from, 0);
  return isKnown.reduce((sum, known) => sum + wholeBlocks(numBlocks, known, leaving) + ofWays, 0);
}

function wholeBlocks(numBlocks: number, isKnown: boolean, leaving: readonly number[]): number {
  return isKnown ? Math.max(...leaving, 0) : numBlocks;
}

function taken(states: Map<number, State>, at: number): State {
  const state = states.get(at)!;
  states.delete(at);
  return state;
}
