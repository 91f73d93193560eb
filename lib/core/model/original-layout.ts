/**
 * The layouts of single files: the names that a model's own repository gives its tensors, which ComfyUI and GGUF files
 * keep. A family says how such a file is told by its keys, which config it implies, and where each tensor of diffusers lies
 * in it. Fused matrices are cut by rows and halves are swapped by rows, all of it lazily: no file is ever rewritten.
 */
import type { TensorInfo } from '../checkpoint/types.ts';
import type { ModelConfig, RawConfig } from './architecture.ts';

/** The tensors of a file by their names in the layout, without a wrapper's prefix. */
export interface LayoutTensors {
  has(name: string): boolean;
  get(name: string): Pick<TensorInfo, 'shape'> | undefined;
}

/** Where a tensor of diffusers lies. */
export interface TensorSource {
  /** In the layout. */
  readonly name: string;
  /** First rows and those behind the last, in the order in which diffusers has them; the whole tensor where not given. */
  readonly rows?: readonly (readonly [from: number, to: number])[];
}

type Rows = NonNullable<TensorSource['rows']>;

/** q, k or v (0, 1 or 2) of rows that are q, k, v one below the other, `width` each. */
export function thirdOf(third: number, width: number): Rows {
  return [[third * width, (third + 1) * width]];
}

/** Shift and scale, `width` rows each, in the order of diffusers' final layers: scale, shift. */
export function swappedHalves(width: number): Rows {
  return [
    [width, 2 * width],
    [0, width],
  ];
}

export interface OriginalLayout<C extends ModelConfig = ModelConfig> {
  /** For people: "FLUX.1 in the layout of Black Forest Labs". */
  readonly label: string;
  /** Names that occur together in files of this layout and of no other. */
  readonly keys: readonly string[];
  /** Beginnings of the names of its lists of blocks, up to a block's number. */
  readonly blockLists: readonly string[];
  /** Names that tell a variant of it which this layout is not. */
  readonly without?: readonly string[];
  /**
   * The config.json that diffusers has for such a model, from the shapes alone; keys at the class's defaults are left out
   * as published ones leave them out, so that the model has the same fingerprint. Rejects as `shapeOf` does.
   */
  config(tensors: LayoutTensors, file: string): RawConfig;
  source(name: string, config: C): TensorSource;
}
