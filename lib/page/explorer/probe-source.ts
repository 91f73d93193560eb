/**
 * Which analysis a worker's probes have to be of. It is told with every call that needs probes: a worker that does not
 * hold them, a fresh one or one on another engine, fits them again. Pure.
 */
import type { ProbeSource } from '@/lib/compute/protocol.ts';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { type CalibrationChoice, calibrationText, DEFAULT_CALIBRATION, requestOf } from './calibration.ts';

export type MeasuredReport = Pick<AnalysisReport, 'calibration' | 'settings' | 'split'>;

export interface ReportProbes {
  readonly source: ProbeSource;
  /** The same for the same probes, whenever and wherever they are fitted. */
  readonly name: string;
}

/** Null before any report, and while the calibration file that it was measured on is not at hand. */
export function reportProbes(report: MeasuredReport | null, measuredOn: CalibrationChoice | null): ReportProbes | null {
  if (!report) return null;
  const choice = measuredOn ?? choiceOfReport(report);
  const calibration = requestOf(choice);
  const { ridge, tokens, damageSamples } = report.settings;
  const { rule: split } = report.split;
  const sampled = tokens === undefined ? '' : ` tokens ${tokens}`;
  const name = `${calibrationText(choice)} ridge ${ridge} split ${split}${sampled}`;
  const source = {
    ridge,
    split,
    ...(tokens === undefined ? {} : { tokens }),
    ...(damageSamples === null ? {} : { damageSamples }),
  };
  return calibration && { source: { calibration, ...source }, name };
}

/** For a report that came without the choice it was measured on. */
export function choiceOfReport({ calibration }: MeasuredReport): CalibrationChoice {
  const { kind, samples, timesteps, seed, file } = calibration;
  // What a trace is of can be measured on its calibration, once the weights are there too.
  if (kind === 'file' || kind === 'trace')
    return { ...DEFAULT_CALIBRATION, kind: 'file', fileDigits: file?.digits ?? null };
  return { ...DEFAULT_CALIBRATION, kind, samples, timesteps: timesteps.length, seed: seed ?? DEFAULT_CALIBRATION.seed };
}

export interface WantedFile {
  readonly name: string;
  /** Null where an early version kept the analysis: then no file can be told to be the one. */
  readonly digits: string | null;
}

/** The file to choose again before anything more can be measured with the report's probes; null where none is missing. */
export function wantedFile(report: MeasuredReport | null, measuredOn: CalibrationChoice | null): WantedFile | null {
  if (report?.calibration.kind !== 'file' || measuredOn?.file) return null;
  const { file, label } = report.calibration;
  // Reports of version 1 name the file in the label alone.
  const name = file?.name ?? label.replace(/: \d+ samples? at .*$/, '');
  return { name, digits: file?.digits ?? measuredOn?.fileDigits ?? null };
}

/** "needs night.safetensors": what cannot be measured before the calibration file of the report is chosen again. */
export function needsFileWords(report: MeasuredReport, measuredOn: CalibrationChoice | null): string {
  return `needs ${wantedFile(report, measuredOn)?.name ?? 'its calibration file'}`;
}
