/**
 * A block made narrower: which of its parts other layers stand for, what tensors that leaves and what it costs. A family declares
 * the parts (BlockParts); this turns them into numbers, so that every kind of edit is counted tensor by tensor.
 */
import {
  type BlockSpec,
  elementsOf,
  type FfnPart,
  linearTensors,
  type ModulationPart,
  type NotAPart,
  parametersOf,
  type SharedModulation,
  type StreamId,
  type StreamTokens,
  type TensorSpec,
  type TextPart,
} from './architecture.ts';
import type { BlockConversion, RowSource } from './block-rows.ts';

/** Left out is as the family describes the block. */
export interface BlockForm {
  /** The text stream is held back: projected text is attended to. `end`: and one more projector gives the text after the group. */
  readonly text?: 'projected' | 'end';
  /** Streams whose feed-forward layers are a linear map. */
  readonly linearFfn?: readonly StreamId[];
  /** What the modulation matrices read in place of the conditioning, and its place among the model's shared modulations. */
  readonly modulation?: SharedModulation & { readonly source: number };
}

type WholeBlock = Pick<BlockSpec, 'kind' | 'tensors' | 'flops' | 'parts'>;
type NarrowBlock = Pick<BlockSpec, 'kind' | 'tensors' | 'parameters' | 'flops'>;

/** `width` is D. Throws RangeError for a part that the block has not: edits are checked before (editable.ts). */
export function blockInForm(block: WholeBlock, form: BlockForm, width: number): NarrowBlock {
  const change = new Change(block, width);
  const { text, linearFfn = [], modulation } = form;
  const textPart = text && partOf(block.parts?.text, 'held text');
  if (textPart) change.holdText(textPart, text === 'end');
  // With the text stream its feed-forward layers are gone already.
  const ffns = linearFfn.filter((stream) => stream !== textPart?.stream);
  for (const stream of ffns) change.linearise(stream, partOf(block.parts?.ffn[stream], `linear ${stream}`));
  if (modulation) change.modulate(partOf(block.parts?.modulation, 'modulations'), modulation);
  return {
    kind: kindOf(block, form, ffns),
    tensors: change.tensors,
    parameters: parametersOf(change.tensors),
    flops: (tokens) => block.flops(tokens) + change.flops(tokens),
  };
}

/** A linear map that a form puts in a block: its name there, and the stream that it is a residual map of. */
export interface FormMap {
  readonly name: string;
  readonly stream: StreamId;
  /** What it gives: modulated text to attend to, the text after a group, or a stream after its feed-forward layers. */
  readonly gives: 'modulated-text' | 'text-after' | 'ffn';
}

/** The maps that a block in this form holds. Throws RangeError as `blockInForm` does. */
export function formMaps(block: Pick<BlockSpec, 'parts'>, { text, linearFfn = [] }: BlockForm): readonly FormMap[] {
  const held = text && partOf(block.parts?.text, 'held text');
  const ofText: FormMap[] = held ? [{ name: held.projector, stream: held.stream, gives: 'modulated-text' }] : [];
  if (held && text === 'end') ofText.push({ name: held.end, stream: held.stream, gives: 'text-after' });
  const ofFfns = linearFfn
    .filter((stream) => stream !== held?.stream)
    .map((stream): FormMap => {
      return { name: partOf(block.parts?.ffn[stream], `linear ${stream}`).linear, stream, gives: 'ffn' };
    });
  return [...ofText, ...ofFfns];
}

/** Which rows of the block's own tensors stay, where only some do; maps that take the place of others are not among them. */
export function formRows(block: WholeBlock, { text, linearFfn = [] }: BlockForm): BlockConversion {
  const conversion = new Map<string, readonly RowSource[]>();
  const held = text && isPart(block.parts?.text) ? block.parts.text.stream : null;
  for (const stream of linearFfn.filter((one) => one !== held)) {
    const { modulation } = partOf(block.parts?.ffn[stream], `linear ${stream}`);
    if (!modulation) continue;
    const { matrix, from, to } = modulation;
    for (const { name: tensor, shape } of block.tensors.filter((one) => isOf(one, matrix))) {
      const [rows = 0] = shape;
      const parts = [
        { tensor, from: 0, to: from },
        { tensor, from: to, to: rows },
      ];
      conversion.set(
        tensor,
        parts.filter((part) => part.to > part.from),
      );
    }
  }
  return conversion;
}

/** Whether it is a part, and no reason why there is none. */
export function isPart<P extends object>(part: P | NotAPart | undefined): part is P {
  return part !== undefined && !('why' in part);
}

function partOf<P extends object>(part: P | NotAPart | undefined, what: string): P {
  if (isPart(part)) return part;
  throw new RangeError(`This block cannot have ${what}`);
}

function kindOf({ kind, parts }: WholeBlock, { text, modulation }: BlockForm, ffns: readonly StreamId[]): string {
  const part = text && isPart(parts?.text) ? parts.text : null;
  const held = part?.stream ?? null;
  const own = Object.entries(parts?.ffn ?? {}).filter(([stream, part]) => isPart(part) && stream !== held);
  const ffn = ffns.length === 0 ? '' : ffns.length === own.length ? '-ffn' : `-${ffns.join('-')}-ffn`;
  const narrow = modulation ? modulationWord(modulation) : '';
  return `${part ? (part.kind ?? `${kind}-held`) : kind}${ffn}${text === 'end' ? '-ehs' : ''}${narrow}`;
}

/** Blocks that read different bases are not alike. */
function modulationWord(modulation: NonNullable<BlockForm['modulation']>): string {
  const word = 'rank' in modulation ? `rank${modulation.rank}` : `table${modulation.timesteps.length}`;
  return `-${word}${modulation.source === 0 ? '' : `-${modulation.source}`}`;
}

/** Of one block's tensors and operations. A matrix costs two operations per element and token, or per conditioning. */
class Change {
  tensors: readonly TensorSpec[];
  readonly #perToken = new Map<StreamId, number>();
  #perForward = 0;
  /** Of tokens of this stream no queries are made. */
  #unasked: StreamId | null = null;

  constructor(
    readonly block: WholeBlock,
    readonly width: number,
  ) {
    this.tensors = block.tensors;
  }

  flops(tokens: StreamTokens): number {
    let sum = this.#perForward;
    for (const [stream, perToken] of this.#perToken) sum += perToken * (tokens[stream] ?? 0);
    if (this.#unasked === null) return sum;
    const all = Object.values(tokens).reduce((total, count) => total + count, 0);
    return sum - 4 * (tokens[this.#unasked] ?? 0) * all * this.width;
  }

  holdText({ stream, layers, projector, end, dropsQueries = false }: TextPart, ends: boolean): void {
    if (dropsQueries) this.#unasked = stream;
    for (const start of layers) this.#drop(start, stream);
    this.#addMap(projector, stream);
    if (ends) this.#addMap(end, stream);
  }

  linearise(stream: StreamId, { layers, linear, modulation }: FfnPart): void {
    this.#drop(layers, stream);
    this.#addMap(linear, stream);
    if (!modulation) return;
    const { matrix, from, to } = modulation;
    const times = this.#modulations().find((one) => one.matrix === matrix)?.times ?? 1;
    this.tensors = this.tensors.map((tensor) => {
      const [rows = 0, ...rest] = tensor.shape;
      if (!isOf(tensor, matrix)) return tensor;
      if (rest.length > 0) this.#perForward -= 2 * times * (to - from) * elementsOf(rest);
      return { ...tensor, shape: [rows - (to - from), ...rest] };
    });
  }

  modulate(parts: readonly ModulationPart[], way: NonNullable<BlockForm['modulation']>): void {
    for (const { matrix, times } of parts) {
      this.tensors = this.tensors.flatMap((tensor) => {
        const [rows = 0, input] = tensor.shape;
        if (!isOf(tensor, matrix)) return [tensor];
        const isMatrix = input !== undefined;
        if (isMatrix) this.#perForward -= 2 * times * rows * input;
        if ('timesteps' in way) {
          // The table holds the bias too; looking a column up is no operation.
          return isMatrix ? [{ ...tensor, shape: [rows, way.timesteps.length] }] : [];
        }
        if (!isMatrix) return [tensor];
        this.#perForward += 2 * times * rows * way.rank;
        return [{ ...tensor, shape: [rows, way.rank] }];
      });
    }
  }

  #modulations(): readonly ModulationPart[] {
    const { parts } = this.block;
    if (!parts) return [];
    return isPart(parts.modulation) ? parts.modulation : (parts.modulation.matrices ?? []);
  }

  #drop(start: string, stream: StreamId): void {
    const modulation = this.#modulations().find(({ matrix }) => matrix.startsWith(start));
    for (const { name, shape } of this.tensors) {
      if (!name.startsWith(start) || shape.length < 2) continue;
      const flops = 2 * elementsOf(shape);
      if (modulation) this.#perForward -= modulation.times * flops;
      else this.#perToken.set(stream, (this.#perToken.get(stream) ?? 0) - flops);
    }
    this.tensors = this.tensors.filter(({ name }) => !name.startsWith(start));
  }

  #addMap(name: string, stream: StreamId): void {
    const D = this.width;
    this.tensors = [...this.tensors, ...linearTensors(name, D, D)];
    this.#perToken.set(stream, (this.#perToken.get(stream) ?? 0) + 2 * D * D);
  }
}

function isOf({ name }: TensorSpec, layer: string): boolean {
  return name === `${layer}.weight` || name === `${layer}.bias`;
}
