/** The names of the formats of weights without their readers, which a page loads later. */
export interface WeightFormatName {
  /** For people. */
  readonly label: string;
  readonly extension: string;
}

export const GGUF: WeightFormatName = { label: 'GGUF', extension: '.gguf' };
export const SAFETENSORS: WeightFormatName = { label: 'safetensors', extension: '.safetensors' };

export const FORMAT_NAMES: readonly WeightFormatName[] = [GGUF, SAFETENSORS];
export const WEIGHT_EXTENSIONS = FORMAT_NAMES.map(({ extension }) => extension);
