/** What is known of a model once its files are open: names, counts and shapes as plain JSON. */
import { type Checkpoint, fingerprintOf } from '../checkpoint/index.ts';
import type { BlockTrait, StackSpec, StreamId, StreamSpec, StreamTokens } from '../model/architecture.ts';
import {
  architectureOf,
  costNoteOf,
  countParameters,
  embedsGuidance,
  familyNamed,
  type ModelConfig,
  type NarrowerFacts,
  narrowerFacts,
} from '../model/config-index.ts';
import { CAPTION_TOKENS, PICTURE_SIZE } from '../shapes/index.ts';
import type { Drawer } from './drawer.ts';

export interface ModelSummary {
  readonly name: string;
  readonly fingerprint: string;
  readonly className: string;
  readonly family: string;
  readonly numBlocks: number;
  readonly width: number;
  readonly numHeads: number;
  readonly headDim: number;
  readonly textDim: number;
  readonly inChannels: number;
  readonly parameters: number;
  readonly globalParameters: number;
  /** What costs by block do not show, in a sentence, or null. */
  readonly costNote: string | null;
  /** In the order in which they run. */
  readonly blocks: readonly BlockFacts[];
  /** What some blocks have and others have not, in the order in which it is shown. */
  readonly traits: readonly BlockTrait[];
  readonly streams: readonly StreamSpec[];
  readonly stacks: readonly StackSpec[];
  /** What its structure allows beside runs of blocks. */
  readonly narrower: NarrowerFacts;
  /** The guidance scale is an input: one pass a step instead of two. */
  readonly embedsGuidance: boolean;
  /** Dtypes present, most elements first. */
  readonly dtypes: readonly string[];
  readonly sizeBytes: number;
  readonly files: number;
  /** The raw config.json, so that exports keep keys this product does not know. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The bundled sample's grammar is present: prompts, preview and the checker work. */
  readonly drawable: boolean;
  /** Tokens of one forward that costs are quoted for, and the picture that they are: "1024 × 1024". */
  readonly tokensPerForward: StreamTokens;
  readonly picture: string;
  /** Of a model that is known by its states alone: nothing that needs weights can be measured. */
  readonly trace?: TraceFacts;
  /** Of a model of which config.json alone is here (config-alone.ts). */
  readonly configAlone?: true;
}

/** What a trace holds in place of weights. */
export interface TraceFacts {
  /** Names what it holds, 16 hexadecimal digits. */
  readonly digits: string;
  /** "trace.safetensors: 64 samples of 8 prompts at 8 time steps" */
  readonly label: string;
  /** Rows of each stream. */
  readonly rows: Readonly<Record<StreamId, number>>;
}

/** A block as the page and plans see it. */
export interface BlockFacts {
  readonly kind: string;
  readonly stack: string;
  readonly indexInStack: number;
  /** Streams whose state it changes, as far as anything reads them. */
  readonly updates: readonly StreamId[];
  /** Ids of its traits. */
  readonly traits?: readonly string[];
  readonly parameters: number;
  /** What the model loses with it, where that is not its own. */
  readonly saves?: { readonly parameters: number };
  /** What a run from it to the last block saves beside that. */
  readonly savesAtEnd?: { readonly parameters: number };
}

export async function summaryOf(
  name: string,
  config: ModelConfig,
  checkpoint: Checkpoint,
  drawer: Drawer | null,
): Promise<ModelSummary> {
  const fingerprint = await fingerprintOf(familyNamed(config.family).identity, config.raw, checkpoint);
  const sizeBytes = checkpoint.files.reduce((sum, file) => sum + file.sizeBytes, 0);
  const stored = { fingerprint, dtypes: dtypesOf(checkpoint), sizeBytes, files: checkpoint.files.length };
  return describedModel(name, config, stored, drawer);
}

/** What follows from the config, with what is known of the files. */
export function describedModel(
  name: string,
  config: ModelConfig,
  { fingerprint, dtypes, sizeBytes, files }: Pick<ModelSummary, 'fingerprint' | 'dtypes' | 'sizeBytes' | 'files'>,
  drawer: Drawer | null,
): ModelSummary {
  const parameters = countParameters(config);
  const { blocks, stacks, streams, traits = [] } = architectureOf(config);
  const family = familyNamed(config.family);
  const nominal = family.nominal(config);
  return {
    name,
    fingerprint,
    className: config.className,
    family: config.family,
    numBlocks: config.numBlocks,
    width: config.width,
    numHeads: config.numHeads,
    headDim: config.headDim,
    textDim: config.textDim,
    inChannels: config.inChannels,
    parameters: parameters.total,
    globalParameters: parameters.globals,
    costNote: costNoteOf(config),
    blocks: blocks.map(
      ({ kind, stack, indexInStack, updates, traits: own = [], parameters: size, saves, savesAtEnd }) => ({
        kind,
        stack,
        indexInStack,
        updates,
        ...(own.length > 0 ? { traits: own } : {}),
        parameters: size,
        ...(saves ? { saves: { parameters: saves.parameters } } : {}),
        ...(savesAtEnd ? { savesAtEnd: { parameters: savesAtEnd.parameters } } : {}),
      }),
    ),
    traits,
    stacks,
    streams: streams.map(({ id, label }) => ({ id, label })),
    narrower: narrowerFacts(config),
    embedsGuidance: embedsGuidance(config),
    dtypes,
    sizeBytes,
    files,
    config: config.raw,
    drawable: drawer !== null,
    tokensPerForward: drawer ? { image: drawer.gridSize ** 2, text: CAPTION_TOKENS } : nominal.tokens,
    picture: drawer ? `${PICTURE_SIZE} × ${PICTURE_SIZE}` : nominal.picture,
  };
}

function dtypesOf({ tensors }: Checkpoint): string[] {
  const elements = new Map<string, number>();
  for (const { dtype, shape } of tensors.values()) {
    elements.set(dtype, (elements.get(dtype) ?? 0) + shape.reduce((product, side) => product * side, 1));
  }
  return [...elements].sort(([, a], [, b]) => b - a).map(([dtype]) => dtype);
}
