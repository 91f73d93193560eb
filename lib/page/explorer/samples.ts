/** The bundled models, one per family that has one; the first is what the page opens with. */
import type { ModelSource } from '@/lib/compute/protocol.ts';

export interface Sample {
  readonly name: string;
  /** Name of the family. */
  readonly family: string;
  /** First hex digits of the fingerprint, as links carry them, so that a link opens its sample. */
  readonly digits: string;
}

export const SAMPLES: readonly [Sample, ...Sample[]] = [
  { name: 'shapes-mmdit', family: 'qwen-image', digits: '8f93af2a728e' },
  { name: 'shapes-flux', family: 'flux', digits: '4ea49f2875d5' },
];

export function sampleSource({ name }: Sample = SAMPLES[0]): ModelSource {
  return { kind: 'url', url: new URL(`/models/${name}/`, window.location.href).href, name };
}

/** The sample that the open model is, or null. */
export function sampleOf(source: ModelSource | null): Sample | null {
  if (source?.kind !== 'url') return null;
  return SAMPLES.find(({ name }) => name === source.name) ?? null;
}

/** The sample that a link names, else the first. */
export function linkedSample(model: string | null): Sample {
  return SAMPLES.find(({ digits }) => digits === model) ?? SAMPLES[0];
}
