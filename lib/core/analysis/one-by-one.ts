/**
 * Several ways through the depth, each to its end, for a model whose weights stay on the engine: a result comes as soon as its way has
 * ended. As side by side (side-by-side.ts), a way is the whole model up to its first own step.
 */
import {
  cloneState,
  disposeState,
  type PassContext,
  type State,
  type Transformer,
  type TransformerInputs,
} from '../model/index.ts';
import type { FittedMaps } from './fitted-maps.ts';
import type { Pace } from './pace.ts';
import { firstChange, fittedAt, openedAt, project, ready, replace, type Way } from './way.ts';

/** What came out of one way, beside what comes out of the whole model: of each batch. */
export interface WayOutputs {
  readonly whole: readonly Float32Array[];
  readonly edited: readonly Float32Array[];
}

/**
 * In the order of `ways`. Where ways leave the whole model its states wait, at most one set per block; `onBlock` is called as often as
 * `blocksOneByOne` says.
 */
export async function* runOneByOne(
  transformer: Transformer,
  batches: readonly TransformerInputs[],
  knownOutputs: readonly (Float32Array | undefined)[],
  ways: readonly Way[],
  maps: FittedMaps,
  pace: Pace,
  onBlock: () => void,
): AsyncGenerator<WayOutputs> {
  const { numBlocks } = transformer.config;
  const leaving = ways.map(firstChange);
  const passes: { readonly context: PassContext; readonly left: Map<number, State> }[] = [];
  const whole: Float32Array[] = [];
  let lane: State[] = [];
  try {
    for (const [index, inputs] of batches.entries()) {
      const { context, state: first } = await transformer.begin(inputs);
      const left = new Map<number, State>();
      passes.push({ context, left });
      const known = knownOutputs[index];
      const runsTo = known ? Math.max(...leaving, 0) : numBlocks;
      let state = first;
      try {
        for (let block = 0; block < numBlocks; block++) {
          if (leaving.includes(block)) left.set(block, cloneState(state));
          if (block < runsTo) state = replace(state, await transformer.runBlock(block, state, context));
          onBlock();
          await pace.breathe();
        }
        if (leaving.includes(numBlocks)) left.set(numBlocks, cloneState(state));
        whole.push(known ?? (await project(transformer, context, state)));
      } finally {
        disposeState(state);
      }
    }
    for (const [way, steps] of ways.entries()) {
      const from = leaving[way]!;
      lane = passes.map(({ left }) => cloneState(left.get(from)!));
      for (let block = from; block < numBlocks; block++) {
        const fitted = await fittedAt([steps], block, maps, pace);
        const opened = await openedAt([steps], block);
        const step = ready(steps[block] ?? null, fitted, opened.steps);
        try {
          for (const [pass, { context }] of passes.entries()) {
            if (step) lane[pass] = replace(lane[pass]!, await transformer.runStep(step, lane[pass]!, context));
            onBlock();
            await pace.breathe();
          }
        } finally {
          opened.dispose();
        }
      }
      const edited: Float32Array[] = [];
      for (const [pass, { context }] of passes.entries()) edited.push(await project(transformer, context, lane[pass]!));
      for (const state of lane) disposeState(state);
      lane = [];
      yield { whole, edited };
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

/** Blocks of all batches: the whole model's, and those of every way from its first own step. */
export function blocksOneByOne(numBlocks: number, batches: number, ways: readonly Way[]): number {
  return batches * ways.reduce((sum, way) => sum + numBlocks - firstChange(way), numBlocks);
}
