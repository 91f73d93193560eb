/**
 * Several ways through the depth side by side with the whole model, over several batches: each block's weights are read once
 * however many ways and batches there are, and a way costs only what it does otherwise, since up to its first own step it is
 * the whole model.
 */
import { type BlockInterval, formatIntervalKey } from '../interval/index.ts';
import {
  cloneState,
  disposeState,
  type NarrowBlock,
  narrowStep,
  type PassContext,
  type RouteStep,
  type State,
  type StreamProbes,
  type Transformer,
  type TransformerInputs,
  type WeightSet,
} from '../model/index.ts';
import type { FittedMaps } from './fitted-maps.ts';
import type { Pace } from './pace.ts';

/** A block that linear maps make narrower. They are opened when it is reached, and freed after it. */
export interface NarrowedStep {
  readonly kind: 'narrowed';
  readonly step: RouteStep;
  readonly block: NarrowBlock;
  readonly open: () => Promise<WeightSet>;
}

/** What runs in a block's place: the map that spans `run` is looked up when the block is reached; null is nothing. */
export type WayStep = RouteStep | { readonly kind: 'fitted'; readonly run: BlockInterval } | NarrowedStep | null;
/** One step per block. */
export type Way = readonly WayStep[];

interface Lane {
  readonly steps: Way;
  /** The first block that it does not run as it is. */
  readonly leavesBefore: number;
  /** Null until the lane leaves the whole model. */
  state: State | null;
}

interface Pass {
  readonly inputs: TransformerInputs;
  readonly context: PassContext;
  readonly lanes: readonly Lane[];
  readonly known: Float32Array | null;
  whole: State;
}

export interface Outputs {
  readonly whole: Float32Array;
  /** One per way. */
  readonly edited: readonly Float32Array[];
}

/** Of each batch. With the whole model's output known, the whole model only runs until the last way has left it. */
export async function runSideBySide(
  transformer: Transformer,
  batches: readonly TransformerInputs[],
  knownOutputs: readonly (Float32Array | undefined)[],
  ways: readonly Way[],
  maps: FittedMaps,
  pace: Pace,
  onBlock: () => void,
): Promise<Outputs[]> {
  const passes: Pass[] = [];
  const leaving = ways.map(firstChange);
  const lastLeft = Math.max(...leaving, 0);
  try {
    for (const [index, inputs] of batches.entries()) {
      const { context, state } = await transformer.begin(inputs);
      const lanes = ways.map((steps, way): Lane => ({ steps, leavesBefore: leaving[way]!, state: null }));
      passes.push({ inputs, context, lanes, known: knownOutputs[index] ?? null, whole: state });
      await pace.breathe();
    }
    const everyOutputIsKnown = passes.every(({ known }) => known !== null);
    const runs = (block: number) =>
      !everyOutputIsKnown || lastLeft > block || ways.some((steps) => readsBlock(steps[block] ?? null));
    const { numBlocks } = transformer.config;
    for (let block = 0; block < numBlocks; block++) {
      const fitted = new Map<string, StreamProbes>();
      for (const { [block]: step } of ways) {
        if (step?.kind !== 'fitted') continue;
        const key = formatIntervalKey(step.run);
        if (!fitted.has(key)) fitted.set(key, await maps.across(step.run, pace));
      }
      if (runs(block)) await transformer.loadBlock(block);
      if (block + 1 < numBlocks && runs(block + 1)) transformer.prefetchBlock(block + 1);
      const opened = new Map<WayStep, RouteStep>();
      const sets: WeightSet[] = [];
      try {
        for (const { [block]: step } of ways) {
          if (step?.kind !== 'narrowed') continue;
          const maps = await step.open();
          sets.push(maps);
          opened.set(step, narrowStep(step.step, step.block, maps));
        }
        const stepOf = (step: WayStep) => ready(step, fitted, opened);
        for (const pass of passes) {
          await advance(transformer, pass, block, stepOf, pace);
          onBlock();
          await pace.breathe();
        }
      } finally {
        for (const maps of sets) maps.dispose();
      }
    }
    const outputs: Outputs[] = [];
    for (const { context, lanes, known, whole } of passes) {
      const edited: Float32Array[] = [];
      for (const { state } of lanes) edited.push(await project(transformer, context, state ?? whole));
      outputs.push({ whole: known ?? (await project(transformer, context, whole)), edited });
    }
    return outputs;
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
    if (step) lane.state = replace(lane.state, await transformer.runStep(step, lane.state, context));
    await pace.breathe();
  }
  if (!known || lanes.some(({ leavesBefore }) => leavesBefore > block)) {
    pass.whole = replace(pass.whole, await transformer.runBlock(block, pass.whole, context));
  }
}

function ready(
  step: WayStep,
  fitted: ReadonlyMap<string, StreamProbes>,
  opened: ReadonlyMap<WayStep, RouteStep>,
): RouteStep | null {
  if (step?.kind === 'fitted') return { kind: 'probe', probe: fitted.get(formatIntervalKey(step.run))! };
  return step?.kind === 'narrowed' ? opened.get(step)! : step;
}

/** Whether the step runs with the block's own weights. */
function readsBlock(step: WayStep): boolean {
  if (step?.kind === 'narrowed') return readsBlock(step.step);
  return step?.kind === 'block' || step?.kind === 'half' || (step?.kind === 'narrow' && step.weights === null);
}

function firstChange(steps: Way): number {
  const found = steps.findIndex((step) => step?.kind !== 'block' || step.carriesText);
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
