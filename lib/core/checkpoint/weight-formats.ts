/** What can be said of the formats of weights without their readers, which a page loads later. */
import { DTYPE_NAMES } from '../tensor/dtype.ts';
import { isFloatDType } from '../tensor/float.ts';
import { ELEMENT_TYPES } from './gguf/element-types.ts';
import { blockOf, isReadable, type StoredDType } from './stored-dtype.ts';

export interface WeightFormatFacts {
  /** For people. */
  readonly label: string;
  readonly extension: string;
  /** Element types that are read. */
  readonly types: readonly string[];
  readonly note?: string;
}

/** By the bits of an element. */
function largestFirst(types: readonly StoredDType[]): readonly StoredDType[] {
  const bytes = (type: StoredDType) => {
    const block = blockOf(type);
    return block ? block.bytes / block.elements : 0;
  };
  return types.toSorted((a, b) => bytes(b) - bytes(a));
}

export const GGUF: WeightFormatFacts = {
  label: 'GGUF',
  extension: '.gguf',
  types: largestFirst([...ELEMENT_TYPES.values()].filter(isReadable)),
};

export const SAFETENSORS: WeightFormatFacts = {
  label: 'safetensors',
  extension: '.safetensors',
  types: largestFirst(DTYPE_NAMES.filter(isFloatDType)),
  note: '8-bit floats also with the scales of ComfyUI',
};

/** For lists of what can be opened. */
export const WEIGHT_FORMATS: readonly WeightFormatFacts[] = [GGUF, SAFETENSORS];
export const WEIGHT_EXTENSIONS = WEIGHT_FORMATS.map(({ extension }) => extension);
