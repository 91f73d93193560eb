/** What the next analysis will be measured on, and the text that names it in the address and among kept analyses. */
import { createStore } from 'zustand/vanilla';
import type { CalibrationSource } from '@/lib/compute/protocol.ts';
import { isInRange } from '@/lib/core/number-range.ts';
import { SEED_RANGE } from '@/lib/core/random.ts';
import type { CalibrationFacts } from '@/lib/core/report/report.ts';

export interface CalibrationChoice {
  readonly kind: CalibrationSource['kind'];
  readonly samples: number;
  readonly timesteps: number;
  readonly seed: number;
  readonly file: File | null;
  /** Names the file's content (`fileDigits`); null until an analysis has read it. */
  readonly fileDigits: string | null;
}

export const DEFAULT_CALIBRATION: CalibrationChoice = {
  kind: 'shapes',
  samples: 64,
  timesteps: 8,
  seed: 1,
  file: null,
  fileDigits: null,
};

export const calibrationStore = createStore<CalibrationChoice>(() => DEFAULT_CALIBRATION);

/** Null while a file is asked for and none is given. */
export function requestOf(choice: CalibrationChoice): CalibrationSource | null {
  if (choice.kind === 'file') {
    const { file, fileDigits: digits } = choice;
    return file && { kind: 'file', file: { path: file.name, blob: file }, digits };
  }
  const { kind, samples, timesteps, seed } = choice;
  return { kind, samples, timesteps, seed };
}

/** Two choices with the same text measure the same thing; the text `file` alone names no file in particular. */
export function calibrationText({ kind, samples, timesteps, seed, fileDigits }: CalibrationChoice): string {
  if (kind === 'file') return fileDigits === null ? 'file' : `file-${fileDigits}`;
  return `${kind}-${samples}-${timesteps}-${seed}`;
}

/** Null for text that names no calibration. */
export function calibrationFrom(text: string): CalibrationChoice | null {
  const [isFile, fileDigits = null] = /^file(?:-([0-9a-f]{16}))?$/.exec(text) ?? [];
  if (isFile !== undefined) return { ...DEFAULT_CALIBRATION, kind: 'file', fileDigits };
  const [, kind, samples, timesteps, seed] = /^(shapes|synthetic)-(\d{1,4})-(\d{1,2})-(\d{1,10})$/.exec(text) ?? [];
  if ((kind !== 'shapes' && kind !== 'synthetic') || !samples || !timesteps || !seed) return null;
  const numbers = { samples: Number(samples), timesteps: Number(timesteps), seed: Number(seed) };
  return isInRange(numbers.seed, SEED_RANGE) ? { ...DEFAULT_CALIBRATION, kind, ...numbers } : null;
}

const KIND_WORDS: Readonly<Record<CalibrationChoice['kind'], string>> = {
  shapes: 'sample prompts',
  file: 'a calibration file',
  synthetic: 'synthetic noise',
};

/** What differs between the calibration of a measurement and another one, each with both values: "samples 64 → 128". */
export function calibrationChanges(measured: CalibrationChoice, now: CalibrationChoice): readonly string[] {
  if (measured.kind !== now.kind) return [`inputs: ${KIND_WORDS[measured.kind]} → ${KIND_WORDS[now.kind]}`];
  if (now.kind !== 'file') {
    const changed = (['samples', 'timesteps', 'seed'] as const).filter((name) => measured[name] !== now[name]);
    return changed.map((name) => `${name} ${measured[name]} → ${now[name]}`);
  }
  const same = measured.file !== null && now.file !== null ? measured.file === now.file : false;
  const sameContent = measured.fileDigits !== null && measured.fileDigits === now.fileDigits;
  return same || sameContent
    ? []
    : [['file', measured.file?.name, '→', now.file?.name ?? 'none'].filter(Boolean).join(' ')];
}

/** "16 captioned pictures at 4 noise levels, seed 2" */
export function calibrationWords({ kind, label, seed }: Pick<CalibrationFacts, 'kind' | 'label' | 'seed'>): string {
  // The label of synthetic inputs states the seed already.
  return kind === 'shapes' && seed !== null ? `${label}, seed ${seed}` : label;
}
