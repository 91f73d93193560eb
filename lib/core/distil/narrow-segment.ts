/**
 * The blocks in which an edit's linear maps are trained: the feed-forward layers' own block, or the blocks of a text group that hold
 * their text. Maps see the states of the model as it is edited up to here. What they stand for is what the same blocks make of those
 * states without them, as in the closed form (lib/core/width), so that an edit has its own error to lower and no other one's.
 */
import * as tf from '@tensorflow/tfjs-core';
import { type EditSet, runsOf } from '../edit/index.ts';
import {
  type BlockSteps,
  blockAt,
  CARRIED_TEXT,
  cloneState,
  disposeState,
  type FormMap,
  linear,
  type NarrowBlock,
  narrowBlocks,
  narrowStep,
  narrowSteps,
  type PassContext,
  type RouteStep,
  type State,
  type StreamId,
  type StudentStep,
  type StudentWeights,
  stepsOf,
  type Transformer,
  WeightSet,
} from '../model/index.ts';
import { type MappedEdit, type MapStore, mapsOnEngine, type PlacedMap } from '../width/index.ts';
import { advance } from './along-route.ts';
import type { StreamLosses } from './gradients.ts';
import { type LossSettings, streamLoss } from './losses.ts';
import { named } from './recorded-gradients.ts';

export interface SegmentParts {
  readonly transformer: Transformer;
  readonly edit: MappedEdit;
  /** The edit and all that it rests on: a valid set without modulations. */
  readonly edits: EditSet;
  readonly students: readonly StudentWeights[];
  /** Holds the maps of the edits that it rests on. */
  readonly given: MapStore;
}

interface SegmentBlock {
  readonly index: number;
  /** What runs here without the edit. */
  readonly plain: RouteStep;
  /** The block's weights, with the maps of other edits that this one reads. */
  readonly weights: WeightSet;
  readonly maps: readonly FormMap[];
}

/** What the maps stand for in one batch: by block, the state after it, and with it the modulated text of a group. */
export type SegmentTargets = readonly State[];

/** The paper's loss of projectors; the blocks' outputs have the loss of students. */
const MAP_LOSS: LossSettings = { loss: 'direction-l1', magnitudeWeight: 0 };

export class NarrowSegment {
  private constructor(
    private readonly transformer: Transformer,
    /** The state that the segment begins at is the one after this block; −1 is the embedded input. */
    readonly before: number,
    /** What runs at each block up to there; null where that is the model's own blocks. */
    readonly leading: BlockSteps | null,
    private readonly approach: readonly RouteStep[],
    private readonly blocks: readonly SegmentBlock[],
    /** The streams that the maps change, in the order of the model. */
    readonly streams: readonly StreamId[],
    private readonly owned: readonly WeightSet[],
  ) {}

  static async open({ transformer, edit, edits, students, given }: SegmentParts): Promise<NarrowSegment> {
    const { architecture, config } = transformer;
    const narrow = narrowBlocks(architecture, edits);
    const plain = stepsOf(config.numBlocks, runsOf(edits), { students });
    const [from, to] = edit.on === 'ffn' ? [edit.block, edit.block] : [edit.first + 1, edit.last];
    const around = edits.find((one) => one.on === 'text-stream' && one.first < from && one.last >= from);
    const start = around?.on === 'text-stream' ? around.first : from;
    const owned: WeightSet[] = [];
    const own = async (make: Promise<WeightSet>) => {
      const set = await make;
      owned.push(set);
      return set;
    };
    try {
      const fixed = new Map<number, WeightSet>();
      for (const [index, { maps }] of narrow) {
        if (index < from && maps.length > 0) fixed.set(index, await own(mapsOnEngine(given, index, maps)));
      }
      const steps = narrowSteps(plain.slice(0, from), narrow, (index) => fixed.get(index)!);
      const blocks: SegmentBlock[] = [];
      for (let index = from; index <= to; index++) {
        const [step, block] = [plain[index], narrow.get(index)];
        if (!step || !block || (step.kind !== 'block' && step.kind !== 'student')) continue;
        blocks.push(await segmentBlock(step, block));
      }
      const leading = steps.slice(0, start);
      const isOwn = leading.every((one, index) => one?.kind === 'block' && one.index === index && !one.carriesText);
      const last = blocks.at(-1);
      if (!last) throw new RangeError('The edit leaves no block to train maps in');
      const changed = new Set(edit.on === 'ffn' ? [edit.stream] : blockAt(architecture, last.index).updates);
      if (edit.on !== 'ffn') for (const { stream } of last.maps) changed.add(stream);
      return new NarrowSegment(
        transformer,
        start - 1,
        isOwn ? null : leading,
        steps.slice(start).filter((one) => one !== null),
        blocks,
        architecture.streams.map(({ id }) => id).filter((id) => changed.has(id)),
        owned,
      );
    } catch (thrown) {
      for (const set of owned) set.dispose();
      throw thrown;
    }

    async function segmentBlock(step: StudentStep, block: NarrowBlock): Promise<SegmentBlock> {
      const { index, maps } = block;
      const trained = maps.filter(({ gives, stream }) =>
        edit.on === 'ffn' ? gives === 'ffn' && stream === edit.stream : gives !== 'ffn',
      );
      // Text that a group holds is what the block attends to before its feed-forward layers.
      const read = edit.on === 'ffn' ? maps.filter(({ gives }) => gives === 'modulated-text') : [];
      const others = read.length > 0 ? await own(mapsOnEngine(given, index, read)) : null;
      const whole = step.kind === 'student' ? step.weights : await own(transformer.holdBlock(index));
      return {
        index,
        plain:
          edit.on === 'ffn'
            ? narrowStep(step, { ...block, carriesText: false }, others)
            : { ...step, carriesText: true },
        weights: others ? whole.with(others) : whole,
        maps: trained,
      };
    }
  }

  /** The maps that are trained, in order of depth. */
  get maps(): readonly (FormMap & PlacedMap)[] {
    return this.blocks.flatMap(({ index, maps }) => maps.map((map) => ({ ...map, block: index })));
  }

  /** The state at the first of the blocks, from the one that the segment begins at; the caller's own. */
  async begin(before: State, context: PassContext): Promise<State> {
    const { streams } = this.transformer.architecture;
    const declared = Object.fromEntries(streams.map(({ id }) => [id, before[id]!]));
    if (this.approach.length === 0) return cloneState(declared);
    return await advance(this.transformer, declared, context, this.approach);
  }

  /** The caller's own. */
  async targets(state: State, context: PassContext): Promise<SegmentTargets> {
    const found: State[] = [];
    try {
      for (const { plain } of this.blocks) {
        found.push(await this.transformer.runStep(plain, found.at(-1) ?? state, context));
      }
      return found;
    } catch (thrown) {
      disposeTargets(found);
      throw thrown;
    }
  }

  /** The state after the last block with maps in place; differentiable in them. Call inside tf.tidy or a gradient. */
  run(maps: ReadonlyMap<string, tf.Tensor>, state: State, context: PassContext): State {
    return this.#states(maps, state, context).at(-1)!;
  }

  /**
   * By stream: the L1 loss of directions of every map, a mean over those of a group, and the block-output loss, for a group a mean
   * over its blocks. Call inside a gradient.
   */
  losses(
    maps: ReadonlyMap<string, tf.Tensor>,
    state: State,
    targets: SegmentTargets,
    context: PassContext,
    shares: Readonly<Record<StreamId, tf.Tensor2D | null>>,
    settings: LossSettings,
  ): StreamLosses {
    const states = this.#states(maps, state, context);
    const ofMaps = new Map<StreamId, tf.Scalar[]>();
    const ofBlocks = new Map<StreamId, tf.Scalar[]>();
    const add = (to: Map<StreamId, tf.Scalar[]>, stream: StreamId, loss: tf.Scalar) =>
      to.set(stream, [...(to.get(stream) ?? []), loss]);
    const against = (found: tf.Tensor3D, wanted: tf.Tensor3D, stream: StreamId, by: LossSettings) =>
      streamLoss(found, wanted, shares[stream] ?? null, by);
    for (const [i, { index, maps: placed }] of this.blocks.entries()) {
      const [after, wanted] = [states[i]!, targets[i]!];
      const isLast = i === this.blocks.length - 1;
      for (const map of placed) {
        const { stream } = map;
        if (map.gives === 'modulated-text') {
          const projected = residual(maps, { ...map, block: index }, state[CARRIED_TEXT]!);
          add(ofMaps, stream, against(projected, wanted[CARRIED_TEXT]!, stream, MAP_LOSS));
        } else if (this.#updates(index, stream)) {
          add(ofMaps, stream, against(after[stream]!, wanted[stream]!, stream, MAP_LOSS));
        }
      }
      const held = placed.find(({ gives }) => gives === 'modulated-text')?.stream;
      for (const stream of this.streams) {
        if (!this.#updates(index, stream) || (stream === held && !isLast)) continue;
        add(ofBlocks, stream, against(after[stream]!, wanted[stream]!, stream, settings));
      }
    }
    return Object.fromEntries(
      this.streams.map((stream) => [stream, tf.add(meanOf(ofMaps.get(stream)), meanOf(ofBlocks.get(stream)))]),
    );
  }

  /** The tensors that the losses read beside the maps, by name: for `StudentGradients`. */
  constants(): readonly [string, tf.Tensor][] {
    return this.blocks.flatMap(({ index, weights }) => named(`block ${index}`, weights.entries()));
  }

  dispose(): void {
    for (const set of this.owned) set.dispose();
  }

  #states(maps: ReadonlyMap<string, tf.Tensor>, state: State, context: PassContext): State[] {
    const states: State[] = [];
    for (const { index, weights, maps: placed } of this.blocks) {
      const set = new WeightSet();
      for (const { name } of placed) {
        for (const part of PARTS) set.add(`${name}.${part}`, maps.get(`${index}.${name}.${part}`)!);
      }
      states.push(this.transformer.applyBlock(index, weights.with(set), states.at(-1) ?? state, context, 'updated'));
    }
    return states;
  }

  #updates(index: number, stream: StreamId): boolean {
    return blockAt(this.transformer.architecture, index).updates.includes(stream);
  }
}

export const PARTS = ['weight', 'bias'] as const;

export function disposeTargets(targets: SegmentTargets): void {
  for (const state of targets) disposeState(state);
}

export function namedTargets(targets: SegmentTargets): [string, tf.Tensor][] {
  return targets.flatMap((state, i) => named(`target ${i}`, Object.entries(state)));
}

/** x + x·W + b */
function residual(maps: ReadonlyMap<string, tf.Tensor>, { block, name }: PlacedMap, x: tf.Tensor3D): tf.Tensor3D {
  const weight = maps.get(`${block}.${name}.weight`) as tf.Tensor2D;
  return tf.add(x, linear(x, { weight, bias: maps.get(`${block}.${name}.bias`) as tf.Tensor1D }));
}

function meanOf(losses: readonly tf.Scalar[] = []): tf.Scalar {
  if (losses.length === 0) return tf.scalar(0);
  return tf.div(
    losses.reduce((sum, loss) => tf.add(sum, loss)),
    losses.length,
  );
}
