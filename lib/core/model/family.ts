/**
 * What a model family is to the rest of the product: how its config is read, which streams and blocks a model of it has,
 * which tensors each block holds and what it costs, and how it runs. The product asks a family and never tells families
 * apart; families.ts is the only list of them. No tensor code here: `open` loads it when it is called.
 */
import type { FingerprintParts } from '../checkpoint/fingerprint.ts';
import type { Architecture, BlockSpec, ModelConfig, RawConfig, StreamTokens } from './architecture.ts';
import type { Transformer, TransformerInputs } from './transformer.ts';
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
   * encoder, `guidance` is the scale that is asked for.
   */
  readonly source: 'positions' | 'pooled-text' | 'guidance';
  /** Of `positions`, for pictures of the layout's shapes. */
  positions?(layout: InputLayout): Float32Array<ArrayBuffer>;
}

/** Sizes of one sample. */
export interface InputLayout {
  readonly imageTokens: number;
  readonly textTokens: number;
  /** Frames, height, width of each image, in tokens; null where a file gives positions alone. */
  readonly imageShapes: readonly (readonly [number, number, number])[] | null;
}

export interface Family<C extends ModelConfig = ModelConfig> {
  /** Written into plans, reports and student files. */
  readonly name: string;
  /** For people: "Qwen-Image". */
  readonly label: string;
  /** diffusers' `_class_name`s. */
  readonly classNames: readonly string[];
  /** Never changed: an absent key counts as null, and a new need is a new version. */
  readonly identity: FingerprintParts;
  /** Tokens that costs are quoted for where nothing else says how many there are, and the picture that they are. */
  readonly nominal: { readonly tokens: StreamTokens; readonly picture: string };
  /** Throws `config-invalid` or `checkpoint-unsupported`, naming `file` and the key. */
  parse(raw: RawConfig, className: string, file: string): C;
  describe(config: C): Architecture;
  /** The keys of config.json that change when only `kept` blocks stay (indices, ascending). */
  prunedKeys(config: C, kept: readonly BlockSpec[]): RawConfig;
  /** What a forward takes beside hidden states, text states, their mask and time steps. */
  extraInputs(config: C): readonly ExtraInput[];
  /** Whether diffusers' forward takes `encoder_hidden_states_mask`. */
  readonly takesMask: boolean;
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
    'batch' | 'imageTokens' | 'textTokens' | 'mask' | 'timestep' | 'imageShapes'
  > & { readonly guidance: number };
  /** diffusers' output. */
  readonly expected: readonly number[];
}
