/**
 * The analysis whose states wait in this browser (lib/compute/folder/browser-files.ts keeps those of one): what it is of and how
 * far it came, so that the page can say after a reload that Analyse continues it. States themselves are found by their own
 * key; what is noted here is only told.
 */
import { createStore } from 'zustand/vanilla';
import type { ModelSummary } from '@/lib/core/folder/model-summary.ts';
import { limitsStore } from './analysis-limits.ts';
import { type CalibrationChoice, calibrationStore, calibrationText } from './calibration.ts';
import { engineStore } from './engine.ts';
import { modelStore } from './model.ts';

export interface Interrupted {
  readonly fingerprint: string;
  readonly inputs: string;
  /** Null where the default was meant. */
  readonly tokens: number | null;
  readonly engine: string;
  /** Blocks whose states are stored. */
  readonly captured: number;
}

const PLACE = 'contigua:interrupted';

export const interruptedStore = createStore<{ readonly noted: Interrupted | null }>(() => ({ noted: read() }));

/**
 * Of the settings as they are, with `captured` blocks so far. An analysis that continues keeps what it had; another one has
 * removed the states of the one that was noted.
 */
export function noteInterrupted(summary: ModelSummary, choice: CalibrationChoice, captured: number): void {
  const { noted: before } = interruptedStore.getState();
  const key = keyOf(summary, choice);
  const continues = before && isSame({ ...key, captured: before.captured }, before);
  const kept = Math.max(captured, continues ? before.captured : 0);
  const noted: Interrupted = { ...key, captured: kept };
  if (kept === 0) forgetInterrupted();
  else if (!isSame(noted, before)) {
    interruptedStore.setState({ noted });
    write(JSON.stringify(noted));
  }
}

export function forgetInterrupted(): void {
  if (!interruptedStore.getState().noted) return;
  interruptedStore.setState({ noted: null });
  write(null);
}

/** Where model, inputs, tokens and engine are those of the interrupted analysis. */
export function presentInterrupted(): Interrupted | null {
  const { noted } = interruptedStore.getState();
  const { summary } = modelStore.getState();
  if (!noted || !summary) return null;
  const present: Interrupted = {
    ...keyOf(summary, calibrationStore.getState()),
    captured: noted.captured,
  };
  return isSame(present, noted) ? noted : null;
}

const isSame = (a: Interrupted, b: Interrupted | null): boolean => JSON.stringify(a) === JSON.stringify(b);

function keyOf({ fingerprint, trace }: ModelSummary, choice: CalibrationChoice): Omit<Interrupted, 'captured'> {
  const { kind, file } = choice;
  const ofModel = kind === 'file' ? `file ${file?.name} ${file?.size}` : calibrationText(choice);
  return {
    fingerprint,
    // The digits of a calibration file are not known before an analysis has read it; those of a trace are.
    inputs: trace ? `trace ${trace.digits}` : ofModel,
    tokens: limitsStore.getState().tokens,
    engine: engineStore.getState().report?.name ?? '',
  };
}

function read(): Interrupted | null {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(PLACE) ?? 'null');
    return isInterrupted(found) ? found : null;
  } catch {
    // A browser may forbid storage to a page; then there are no states either.
    return null;
  }
}

function write(text: string | null): void {
  try {
    if (text === null) localStorage.removeItem(PLACE);
    else localStorage.setItem(PLACE, text);
  } catch {
    // As above: the analysis itself does not depend on it.
  }
}

function isInterrupted(found: unknown): found is Interrupted {
  if (typeof found !== 'object' || found === null) return false;
  const { fingerprint, inputs, tokens, engine, captured } = found as Record<string, unknown>;
  return (
    [fingerprint, inputs, engine].every((text) => typeof text === 'string') &&
    (tokens === null || typeof tokens === 'number') &&
    Number.isSafeInteger(captured)
  );
}
