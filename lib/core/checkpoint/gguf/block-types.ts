/**
 * The element types of GGUF that pack several elements in one block: how many, in how many bytes, and how they are decoded.
 * A type without a decoder is known by name and size alone, so that a file that holds it can be described and refused.
 * Sizes: `GGML_QUANT_SIZES` of gguf-py 0.19; types with a decoder are checked bit for bit against that package.
 */
import { decodeQ4K, decodeQ5K, decodeQ6K } from './decode-k.ts';
import { decodeQ4_0, decodeQ8_0 } from './decode-legacy.ts';

/** `bytes` are whole blocks; `values` has room for as many elements. */
export type BlockDecoder = (bytes: Uint8Array, values: Float32Array) => void;

interface BlockType {
  readonly elements: number;
  readonly bytes: number;
  readonly decode?: BlockDecoder;
}

export const BLOCK_TYPES = {
  Q4_0: { elements: 32, bytes: 18, decode: decodeQ4_0 },
  Q8_0: { elements: 32, bytes: 34, decode: decodeQ8_0 },
  Q4_K: { elements: 256, bytes: 144, decode: decodeQ4K },
  Q5_K: { elements: 256, bytes: 176, decode: decodeQ5K },
  Q6_K: { elements: 256, bytes: 210, decode: decodeQ6K },
  Q4_1: { elements: 32, bytes: 20 },
  Q5_0: { elements: 32, bytes: 22 },
  Q5_1: { elements: 32, bytes: 24 },
  Q8_1: { elements: 32, bytes: 40 },
  Q2_K: { elements: 256, bytes: 84 },
  Q3_K: { elements: 256, bytes: 110 },
  Q8_K: { elements: 256, bytes: 292 },
  IQ2_XXS: { elements: 256, bytes: 66 },
  IQ2_XS: { elements: 256, bytes: 74 },
  IQ3_XXS: { elements: 256, bytes: 98 },
  IQ1_S: { elements: 256, bytes: 50 },
  IQ4_NL: { elements: 32, bytes: 18 },
  IQ3_S: { elements: 256, bytes: 110 },
  IQ2_S: { elements: 256, bytes: 82 },
  IQ4_XS: { elements: 256, bytes: 136 },
  IQ1_M: { elements: 256, bytes: 56 },
  TQ1_0: { elements: 256, bytes: 54 },
  TQ2_0: { elements: 256, bytes: 66 },
  MXFP4: { elements: 32, bytes: 17 },
  NVFP4: { elements: 64, bytes: 36 },
  Q1_0: { elements: 128, bytes: 18 },
} as const satisfies Readonly<Record<string, BlockType>>;
export type BlockTypeName = keyof typeof BLOCK_TYPES;

export function blockType(name: BlockTypeName): BlockType {
  return BLOCK_TYPES[name];
}

export function isBlockType(name: string): name is BlockTypeName {
  return Object.hasOwn(BLOCK_TYPES, name);
}
