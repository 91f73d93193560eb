/**
 * How the report is read by noise level: all timesteps together, or those of early, middle or late noise alone. What is
 * read so is shown; what is chosen, and the order in which the slider takes intervals, stay with all timesteps.
 */
import type { DetectionSettings } from '@/lib/core/detection/index.ts';
import { type NoiseBandId, reportAtNoise } from '@/lib/core/report/at-noise.ts';
import type { AnalysisReport, NoiseBand } from '@/lib/core/report/report.ts';

export type Noise = 'together' | NoiseBandId;
export const NOISES: readonly Noise[] = ['together', 'early', 'middle', 'late'];

export interface NoiseReading {
  /** The whole report, or the part of a band. */
  readonly report: AnalysisReport;
  readonly settings: DetectionSettings;
  /** Null where all timesteps are read together. */
  readonly band: NoiseBand | null;
}

const read = new WeakMap<AnalysisReport, Map<NoiseBandId, AnalysisReport | null>>();

/** A report without the band that is asked for is read together. The same report for the same question. */
export function readingOf(report: AnalysisReport, settings: DetectionSettings, noise: Noise): NoiseReading {
  const band = report.bands.find(({ id }) => id === noise);
  const part = band ? partOf(report, band.id) : null;
  if (!band || !part) return { report, settings, band: null };
  // Bands are over held-out tokens alone.
  return { report: part, settings: { ...settings, rows: 'held-out' }, band };
}

function partOf(report: AnalysisReport, id: NoiseBandId): AnalysisReport | null {
  const known = read.get(report) ?? new Map<NoiseBandId, AnalysisReport | null>();
  read.set(report, known);
  const found = known.get(id) ?? reportAtNoise(report, id);
  known.set(id, found);
  return found;
}

/** "early noise, timesteps 0.69 to 0.94" */
export function bandWords({ id, timesteps }: NoiseBand): string {
  const [first, last] = [timesteps[0], timesteps.at(-1)];
  if (first === undefined || last === undefined) return `${id} noise`;
  const range = first === last ? `timestep ${timestepText(first)}` : `timesteps ${spanText(first, last)}`;
  return `${id} noise, ${range}`;
}

const timestepText = (timestep: number): string => String(Number(timestep.toFixed(3)));
const spanText = (a: number, b: number): string => `${timestepText(Math.min(a, b))} to ${timestepText(Math.max(a, b))}`;

/** Why noise levels cannot be read apart, or null where they can. */
export function whyNoBands(report: AnalysisReport | null): string | null {
  if (!report) return 'After Analyse: the same figures for early, middle and late noise levels.';
  if (report.bands.length > 0) return null;
  return report.split.rule === 'golden-ratio'
    ? 'An earlier version measured this analysis, without noise levels apart. Analyse measures them.'
    : 'This analysis holds no noise levels apart: it was measured on too few timesteps or samples.';
}
