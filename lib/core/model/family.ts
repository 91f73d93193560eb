/**
 * What a model family is to the rest of the product: how its config is read, which streams and blocks a model of it has,
 * which tensors each block holds and what it costs, and how it runs. The product asks a family and never tells families
 * apart; families.ts is the only list of them. No tensor code and no layout here: `open` and `originalLayouts` load theirs when
 * they are called.
 */
import type { FingerprintParts } from '../checkpoint/fingerprint.ts';
import type { Architecture, BlockSpec, ModelConfig, NotAPart, RawConfig, StreamTokens } from './architecture.ts';
import type { BlockForm } from './block-form.ts';
import type { BlockConversion } from './block-rows.ts';
import type { OriginalLayout } from './original-layout.ts';
import type { ImageShape, Transformer, TransformerInputs } from './transformer.ts';
import type { WeightStore } from './weights.ts';

/** An argument of diffusers' forward that not every family has; calibration and input files name it alike. */
export interface ExtraInput {
  readonly name: string;
  /** One slice per sample, as [B, …shape], or one for the whole batch. */
  readonly perSample: boolean;
  /** Without the batch. */
  shape(layout: InputLayout): readonly number[];
  /**
   * Where its values come from when no file gives them: `positions` follow from the layout, `pooled-text` comes from the text
   * encoder, `guidance` is the scale that is asked for, `category` is a row of an embedding, of which pipelines pass the first.
   */
  readonly source: 'positions' | 'pooled-text' | 'guidance' | 'category';
  /** Of `category`: rows of the embedding. Values are whole numbers from 0. */
  readonly categories?: number;
  /** Of `positions`, for pictures of the layout's shapes. */
  positions?(layout: InputLayout): Float32Array<ArrayBuffer>;
}

/** Pictures that `hidden_states` and the output are, [B, channels, height, width], and that the model cuts into patches itself. */
export interface PictureLayout {
  readonly channels: number;
  readonly outChannels: number;
  /** Side of a patch, which is one token; what is left over at the right and at the bottom is not read. */
  readonly patchSize: number;
  /** Patches along a side, at most. */
  readonly maxPatches: number;
  /** The config key that says so. */
  readonly limitedBy: string;
}

/** Sizes of one sample. */
export interface InputLayout {
  readonly imageTokens: number;
  readonly textTokens: number;
  /** Frames, height, width of each image, in tokens; null where a file gives positions alone. */
  readonly imageShapes: readonly ImageShape[] | null;
}

/** Sizes of a batch. */
export interface BatchLayout extends InputLayout {
  readonly batch: number;
  /** Image shapes of each sample, where they are not all alike. */
  readonly shapesOfSamples?: readonly (readonly ImageShape[])[] | undefined;
}

/** An input that diffusers refuses as well. */
export interface InputProblem {
  readonly tensor: string;
  readonly summary: string;
  readonly found: string;
  readonly expected: string;
}

/** Inputs of the size that a family's pipeline makes. */
export interface NominalLayout {
  readonly tokens: StreamTokens;
  /** The pictures that they are: "1024 × 1024". */
  readonly picture: string;
}

/** What changes in config.json for blocks in other forms. */
export interface EditedKeys {
  readonly keys: RawConfig;
}

export interface ReaderClass {
  /** For model cards, in a sentence or two. */
  readonly about: string;
  /** Python's name of the module that has it; null where no Python class reads the model. */
  readonly module: string | null;
}

/** In a file of its own (`name.ts`), as the page lists families before it needs any other part of one. */
export interface FamilyName {
  /** Written into plans, reports and student files. */
  readonly name: string;
  /** For people: "Qwen-Image". */
  readonly label: string;
}

export interface Family<C extends ModelConfig = ModelConfig> extends FamilyName {
  /** diffusers' `_class_name`s. */
  readonly classNames: readonly string[];
  /** Never changed: an absent key counts as null, and a new need is a new version. */
  readonly identity: FingerprintParts;
  /** What costs are quoted for where nothing else says how many tokens there are. */
  nominal(config: C): NominalLayout;
  /** The images of one sample of seeded noise, by the token grid of the first; without it, that one alone. */
  syntheticImages?(config: C, side: number): { readonly shapes: readonly ImageShape[]; readonly label: string };
  /** Throws `config-invalid` or `checkpoint-unsupported`, naming `file` and the key. */
  parse(raw: RawConfig, className: string, file: string): C;
  /** How single files of the model are laid out; none can be opened where there are none. Loaded when it is called. */
  originalLayouts?(): Promise<readonly OriginalLayout<C>[]>;
  describe(config: C): Architecture;
  /** What costs by block do not show, in a sentence for people; null where they show all. */
  costNote?(config: C): string | null;
  /** The keys of config.json that change when only `kept` blocks stay (indices, ascending). */
  prunedKeys(config: C, kept: readonly BlockSpec[]): RawConfig;
  /**
   * The keys of config.json that change when only `kept` blocks stay and some are in another form, where a class reads such blocks;
   * else why none does. Left out where no class of the family has blocks of other forms.
   */
  editedKeys?(
    config: C,
    kept: readonly { readonly block: BlockSpec; readonly form: BlockForm }[],
  ): EditedKeys | NotAPart;
  /** Which class reads a model of this config; null, also where it is left out, is diffusers' own. */
  readerOf?(config: C): ReaderClass | null;
  /**
   * How a block becomes one of another kind, for families whose blocks of a stack differ: where the last block goes, another
   * takes its place, and a student may start as a block of another kind. Throws RangeError for what cannot be done.
   */
  convertBlock?(config: C, from: BlockSpec, to: BlockSpec): BlockConversion;
  /** What a forward takes beside hidden states, text states, their mask and time steps. */
  extraInputs(config: C): readonly ExtraInput[];
  /** Arguments of the class's forward with which diffusers raises an error, and why. */
  refusedInputs?(config: C): Readonly<Record<string, string>>;
  /** What diffusers cannot run with sizes like these, beside what holds for every family; null where nothing is. */
  layoutProblem?(config: C, layout: BatchLayout): InputProblem | null;
  /** What diffusers runs and no pipeline passes: such a file says nothing about the model in use. */
  calibrationProblem?(config: C, layout: BatchLayout): InputProblem | null;
  /** Whether diffusers' forward takes `encoder_hidden_states_mask`. */
  readonly takesMask: boolean;
  /** What the largest noise level is to diffusers' `timestep`: 1, or 1000. */
  readonly timeScale: number;
  /** Timesteps that a forward at any timestep is conditioned on as well; left out where there are none. */
  alwaysTimesteps?(config: C): readonly number[];
  /** For families whose `hidden_states` are pictures; those of the others are packed tokens [B, Ni, inChannels]. */
  pictures?(config: C): PictureLayout;
  /** The checked weights become a transformer; the caller disposes it. */
  open(config: C, weights: WeightStore): Promise<Transformer>;
  /** Small models with known outputs, which the engine check runs. */
  goldens(): Promise<readonly GoldenSpec[]>;
}

/** A small model with a known output, which golden-fill.ts makes. */
export interface GoldenSpec {
  /** "Q1" */
  readonly name: string;
  readonly config: RawConfig;
  readonly inputs: Pick<
    TransformerInputs,
    'batch' | 'imageTokens' | 'textTokens' | 'mask' | 'timestep' | 'imageShapes' | 'shapesOfSamples'
  > & {
    readonly guidance: number;
    /** Values of inputs that are no hash, by name. */
    readonly extra?: Readonly<Record<string, readonly number[]>>;
  };
  /** diffusers' output. */
  readonly expected: readonly number[];
}
