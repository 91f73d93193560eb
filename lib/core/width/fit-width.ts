/**
 * Text groups and feed-forward layers as linear maps, from closed form (PPCL's width-wise pruning), in one pass through the
 * depth. The maps of a block are fitted on the states of the model as it is edited up to there, so that an edit that rests on
 * another one, or lies inside a run of blocks, is fitted on what it will see:
 *
 *   text group [a, b]  z + P·z, from the modulated text z of block a to that of each later block, as it is while the text goes on
 *                      to be updated; and at the end e + Q·e, from the text after block a to the text after block b
 *   feed-forward       x + P·x, from the state after the block's attention to the state after its feed-forward layers
 *
 * One block's weights are read at a time, and of the states the sampled tokens alone are kept.
 */
import type { Calibration } from '../capture/index.ts';
import { type EditSet, runsOf, spanOf, type TextStreamEdit } from '../edit/index.ts';
import {
  CARRIED_TEXT,
  type EditParts,
  type FormMap,
  type NarrowBlock,
  type NarrowStep,
  narrowBlocks,
  narrowStep,
  type RouteStep,
  type StreamId,
  type StudentStep,
  stepsOf,
  type Transformer,
} from '../model/index.ts';
import type { StateStore } from '../states/index.ts';
import { type Batch, Lane } from './lane.ts';
import { appendRows, type FitOptions, type FittedWidthEdit, MapFitter, type MappedEdit } from './map-fitter.ts';
import { mapsOnEngine } from './map-store.ts';

export interface WidthFitOptions extends FitOptions {
  /** Takes the maps, under `owner`, and what waits where states spill. */
  readonly store: StateStore;
  readonly owner: string;
  /** What runs among the edits put in place. */
  readonly parts?: EditParts | undefined;
  /** Edits whose maps the store holds already: those are taken as they are. */
  readonly given?: ((edit: MappedEdit) => boolean) | undefined;
  /** States wait in the store in place of the engine. */
  readonly spills?: boolean | undefined;
  readonly onBlock?: ((done: number, total: number) => void) | undefined;
}

/** `edits` are a valid set, with runs of any kind. One entry for each text group and each feed-forward edit whose maps are not given. */
export async function fitWidth(
  transformer: Transformer,
  calibration: Calibration,
  edits: EditSet,
  options: WidthFitOptions,
): Promise<FittedWidthEdit[]> {
  const pass = new FittingPass(transformer, calibration, edits, options);
  try {
    await pass.run();
    return pass.fitted();
  } finally {
    await pass.dispose();
  }
}

/** A group whose later blocks are being reached. */
interface OpenGroup {
  readonly edit: TextStreamEdit;
  /** Modulated text of its first block, and the text after that block [rows, width]. */
  readonly carried: Float32Array;
  readonly after: Float32Array;
  /** On which the text goes on to be updated. */
  readonly reference: Lane;
}

class FittingPass {
  /** Those whose maps are fitted. */
  readonly #edits: readonly MappedEdit[];
  readonly #narrow: ReadonlyMap<number, NarrowBlock>;
  readonly #fitter: MapFitter;
  readonly #batches: Batch[] = [];
  readonly #lane: Lane;
  #group: OpenGroup | null = null;

  constructor(
    private readonly transformer: Transformer,
    private readonly calibration: Calibration,
    private readonly edits: EditSet,
    private readonly options: WidthFitOptions,
  ) {
    this.#edits = edits
      .filter((edit) => edit.on === 'text-stream' || edit.on === 'ffn')
      .filter((edit) => !options.given?.(edit));
    this.#narrow = narrowBlocks(transformer.architecture, edits);
    this.#fitter = new MapFitter(transformer, calibration, options);
    const { store, spills = false } = options;
    this.#lane = new Lane({ transformer, batches: this.#batches, store, spills }, 'edited');
  }

  async run(): Promise<void> {
    const { transformer } = this;
    const { onBlock = () => {}, parts } = this.options;
    const steps = stepsOf(transformer.config.numBlocks, runsOf(this.edits), parts);
    // Nothing is fitted after the last block that is narrower by an edit.
    const total = Math.max(-1, ...this.#edits.map((edit) => spanOf(edit).last)) + 1;
    for (const inputs of this.calibration.batches) {
      const { state, context } = await transformer.begin(inputs);
      this.#batches.push({ inputs, context });
      await this.#lane.push(state);
      await this.#fitter.pace.breathe();
    }
    for (let index = 0; index < total; index++) {
      const step = steps[index] ?? null;
      if (step?.kind === 'block') await transformer.loadBlock(index);
      const next = steps.findIndex((later, at) => at > index && later?.kind === 'block');
      if (next > 0 && next < total) transformer.prefetchBlock(next);
      const block = this.#narrow.get(index);
      if (step && !block) await this.#lane.advance(step, this.#fitter.pace);
      else if (step && block) await this.#fitBlock(block, asBlock(step, index));
      onBlock(index + 1, total);
    }
  }

  fitted(): FittedWidthEdit[] {
    return this.#fitter.fitted(this.#edits);
  }

  async dispose(): Promise<void> {
    await this.#lane.dispose();
    await this.#group?.reference.dispose();
    for (const { context } of this.#batches) this.transformer.disposeContext(context);
    this.transformer.releaseBlocks();
  }

  async #fitBlock(block: NarrowBlock, step: StudentStep): Promise<void> {
    await this.#fitText(block, step);
    await this.#fitFfns(block, step);
    const maps = block.maps.length > 0 ? await mapsOnEngine(this.options, block.index, block.maps) : null;
    try {
      await this.#advance(block, narrowStep(step, block, maps));
    } finally {
      maps?.dispose();
    }
  }

  /** On the edited lane; what a group's first block gives is kept for the maps of the others. */
  async #advance(block: NarrowBlock, step: ReturnType<typeof narrowStep>): Promise<void> {
    const edit = this.#edits.find((one) => one.on === 'text-stream' && one.first === block.index);
    if (edit?.on !== 'text-stream') return await this.#lane.advance(step, this.#fitter.pace);
    const stream = this.#textOf(block.index + 1, edit);
    const [carried, after] = [this.#fitter.rows([stream]), this.#fitter.rows([stream])];
    await this.#lane.advance(step, this.#fitter.pace, async (next, inputs) => {
      await appendRows(carried, { [stream]: next[CARRIED_TEXT] }, inputs);
      await appendRows(after, { [stream]: next[stream] }, inputs);
    });
    this.#group = {
      edit,
      carried: carried.states[stream]!,
      after: after.states[stream]!,
      reference: await this.#lane.fork('reference'),
    };
  }

  /** The stream that the group's blocks after its first hold back. */
  #textOf(from: number, { last }: TextStreamEdit): StreamId {
    for (let index = from; index <= last; index++) {
      const map = this.#narrow.get(index)?.maps.find(({ gives }) => gives === 'modulated-text');
      if (map) return map.stream;
    }
    throw new RangeError(`No block from ${from} to ${last} holds its text`);
  }

  async #fitText({ index, maps }: NarrowBlock, step: StudentStep): Promise<void> {
    const projector = maps.find(({ gives }) => gives === 'modulated-text');
    const end = maps.find(({ gives }) => gives === 'text-after');
    const group = this.#group;
    // The maps of a group that is not open are given.
    if (!projector || !group) return;
    const { stream } = projector;
    const [modulated, after] = [this.#fitter.rows([stream]), this.#fitter.rows([stream])];
    await group.reference.advance({ ...step, carriesText: true }, this.#fitter.pace, async (next, inputs) => {
      await appendRows(modulated, { [stream]: next[CARRIED_TEXT] }, inputs);
      if (end) await appendRows(after, { [stream]: next[stream] }, inputs);
    });
    await this.#fitter.fit(this.options, group.edit, index, projector, {
      input: group.carried,
      output: modulated.states[stream]!,
    });
    if (!end) return;
    await this.#fitter.fit(this.options, group.edit, index, end, { input: group.after, output: after.states[stream]! });
    this.#group = null;
    await group.reference.dispose();
  }

  /** The block's halves one after the other, on the text that its group leaves it. */
  async #fitFfns({ index, maps }: NarrowBlock, step: StudentStep): Promise<void> {
    const editOf = ({ stream }: FormMap) =>
      this.#edits.find((edit) => edit.on === 'ffn' && edit.block === index && edit.stream === stream);
    const ffns = maps.filter((map) => map.gives === 'ffn' && editOf(map));
    if (ffns.length === 0) return;
    const streams = ffns.map(({ stream }) => stream);
    const held = await mapsOnEngine(
      this.options,
      index,
      maps.filter(({ gives }) => gives === 'modulated-text'),
    );
    const half = (without: 'attention' | 'ffn'): NarrowStep => ({
      kind: 'narrow',
      index,
      maps: held,
      weights: step.kind === 'student' ? step.weights : null,
      without,
    });
    const [before, after] = [this.#fitter.rows(streams), this.#fitter.rows(streams)];
    try {
      await this.#lane.look([half('ffn'), half('attention')], this.#fitter.pace, async ([attended, done], inputs) => {
        await appendRows(before, attended!, inputs);
        await appendRows(after, done!, inputs);
      });
    } finally {
      held.dispose();
    }
    for (const map of ffns) {
      const edit = editOf(map);
      if (!edit) throw new RangeError(`No edit asks for ${map.name} of block ${index}`);
      await this.#fitter.fit(this.options, edit, index, map, {
        input: before.states[map.stream]!,
        output: after.states[map.stream]!,
      });
    }
  }
}

function asBlock(step: RouteStep, index: number): StudentStep {
  if (step.kind === 'block' || step.kind === 'student') return step;
  throw new RangeError(`Block ${index} does not run as a block`);
}
