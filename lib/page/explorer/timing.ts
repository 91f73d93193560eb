/**
 * Forward times of the whole and the pruned model, measured on the engine in use whenever the choice rests. What was measured in this visit stays,
 * choice by choice and engine by engine, for plans that are compared.
 */
import { createStore } from 'zustand/vanilla';
import type { ForwardTiming, ProbeSource } from '@/lib/compute/protocol.ts';
import { isWithinNoise, type Quartiles } from '@/lib/core/run/index.ts';
import type { EngineReport } from '@/lib/core/tensor/engine.ts';
import { settle, showError } from '../browser/notices.ts';
import { beforeAfterWords, changeWords, durationWords } from '../browser/number-words.ts';
import { measureQuietly } from './compute.ts';
import { editsMadeOf, type PageEdit } from './edits.ts';
import { isSame, type MadeOf } from './made-of.ts';
import { showingRefit } from './refitting.ts';

export interface TimedForward {
  readonly of: MadeOf;
  readonly engine: TimedChoice['engine'];
  readonly result: ForwardTiming;
}

export interface TimingState {
  /** The newest last. */
  readonly results: readonly TimedForward[];
  readonly measuring: MadeOf | null;
  /** What could not be measured, so that it is not tried for ever. */
  readonly failed: MadeOf | null;
}

/** Beyond any number that a person tries; the oldest go first. */
const MOST_KEPT = 200;

export const timingStore = createStore<TimingState>(() => ({ results: [], measuring: null, failed: null }));

export interface TimedChoice {
  readonly engine: Pick<EngineReport, 'name' | 'device'>;
  /** Fingerprint. */
  readonly model: string;
  readonly edits: readonly PageEdit[];
  /** Where edits need probes. */
  readonly probes: ProbeSource | null;
  /** Tokens of one forward, as text. */
  readonly inputs: string;
}

export function timingOf({ engine, model, edits, inputs }: Omit<TimedChoice, 'probes'>): MadeOf {
  return { engine: `${engine.name} ${engine.device}`, model, ...editsMadeOf(edits), 'tokens per forward': inputs };
}

/** Null where it was not measured. */
export function timedOf({ results }: Pick<TimingState, 'results'>, of: MadeOf | null): ForwardTiming | null {
  return results.find((one) => isSame(one.of, of))?.result ?? null;
}

/** Times of one choice at the same number of tokens, on every engine that ran it. */
export function timesOf(
  { results }: Pick<TimingState, 'results'>,
  choice: Pick<TimedChoice, 'model' | 'edits' | 'inputs'>,
): readonly TimedForward[] {
  const { engine: _engine, ...made } = timingOf({ ...choice, engine: { name: 'cpu', device: '' } });
  return results.filter(({ of }) => isSame(of, made));
}

/** "36.1 → 29.4 ms" */
export function timeWords({ wholeMs, prunedMs, samples }: ForwardTiming): string {
  return beforeAfterWords(durationWords(wholeMs / samples), durationWords(prunedMs / samples));
}

/** Of one sample. */
export function quartilesOf(timing: ForwardTiming, which: 'whole' | 'pruned'): Quartiles {
  const { lower, upper } = which === 'whole' ? timing.wholeQuartilesMs : timing.prunedQuartilesMs;
  return { lower: lower / timing.samples, upper: upper / timing.samples };
}

/**
 * How the forward of one plan compares with that of another: "−12 %", or "noise". Each was measured at its own time, in turns with the whole
 * model, so that their shares of the whole model's time are compared: another load of the machine changes both times alike.
 */
export function timeChangeWords(held: ForwardTiming, now: ForwardTiming): string {
  const [before, after] = [held, now].map(({ wholeMs, prunedMs, prunedQuartilesMs: { lower, upper } }) => ({
    share: prunedMs / wholeMs,
    quartiles: { lower: lower / wholeMs, upper: upper / wholeMs },
  }));
  return isWithinNoise(before!.quartiles, after!.quartiles) ? 'noise' : changeWords(before!.share, after!.share);
}

export async function measureTiming(of: MadeOf, choice: TimedChoice): Promise<void> {
  const { measuring, failed, ...known } = timingStore.getState();
  if (timedOf(known, of) || isSame(measuring, of) || isSame(failed, of)) return;
  settle('timing');
  timingStore.setState({ measuring: of });
  try {
    const { edits, probes, engine } = choice;
    const result = await showingRefit((onProgress) => measureQuietly('measure', { edits, probes }, onProgress));
    if (result) {
      timingStore.setState(({ results }) => ({
        results: [...results, { of, engine, result }].slice(-MOST_KEPT),
        failed: null,
      }));
    }
  } catch (thrown) {
    timingStore.setState({ failed: of });
    showError('timing', thrown);
  } finally {
    if (timingStore.getState().measuring === of) timingStore.setState({ measuring: null });
  }
}
