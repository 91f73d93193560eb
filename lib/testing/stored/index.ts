/** Small models as people store them, with diffusers' outputs on their weights; training/store_goldens.py makes the files. */
import { readFileSync } from 'node:fs';
import { isRecord } from '../../core/is-record.ts';
import { type GoldenCase, goldenCase } from '../../core/model/index.ts';

export const STORED = [
  'flux.gguf',
  'flux2.gguf',
  'flux-scaled.safetensors',
  'qwen-scaled-markers.safetensors',
  'qwen-scaled-metadata.safetensors',
] as const;

export function storedBytes(file: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(new URL(`goldens/${file}`, import.meta.url)));
}

/** Config, inputs and diffusers' output; its checkpoint holds the weights before they were quantised. */
export function storedCase(file: (typeof STORED)[number] | 'original' | 'flux2-original'): GoldenCase {
  const all: unknown = JSON.parse(new TextDecoder().decode(storedBytes('outputs.json')));
  const one = isRecord(all) ? all[file] : undefined;
  if (!isRecord(one) || !isRecord(one.config)) throw new RangeError(`No case ${file}`);
  return goldenCase({
    name: file,
    config: one.config,
    inputs: {
      batch: Number(one.batch),
      imageTokens: Number(one.image_tokens),
      textTokens: Number(one.text_tokens),
      mask: null,
      timestep: Float32Array.from(numbers(one.timestep)),
      imageShapes: [shape(numbers(one.image_shape))],
      guidance: Number(one.guidance),
    },
    expected: numbers(one.output),
  });
}

function numbers(value: unknown): number[] {
  return Array.isArray(value) ? value.map(Number) : [];
}

function shape([frames = 0, height = 0, width = 0]: readonly number[]): [number, number, number] {
  return [frames, height, width];
}
