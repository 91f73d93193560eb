/** Forward time of the whole and the pruned model, measured on the engine in use whenever the choice rests. */
import { createStore } from 'zustand/vanilla';
import type { ForwardTiming, ProbeSource } from '@/lib/compute/protocol.ts';
import { settle, showError } from '../browser/notices.ts';
import { measureQuietly } from './compute.ts';
import { editsMadeOf, type PageEdit } from './edits.ts';
import { isSame, type MadeOf } from './made-of.ts';
import { showingRefit } from './refitting.ts';

export interface TimingState {
  /** What `result` was measured of. */
  readonly of: MadeOf | null;
  readonly measuring: MadeOf | null;
  readonly result: ForwardTiming | null;
  /** What could not be measured, so that it is not tried for ever. */
  readonly failed: MadeOf | null;
}

export const timingStore = createStore<TimingState>(() => ({ of: null, measuring: null, result: null, failed: null }));

export interface TimedChoice {
  /** Name and device. */
  readonly engine: string;
  /** Fingerprint. */
  readonly model: string;
  readonly edits: readonly PageEdit[];
  /** Where edits need probes. */
  readonly probes: ProbeSource | null;
  /** Tokens of one forward, as text. */
  readonly inputs: string;
}

export function timingOf({ engine, model, edits, inputs }: Omit<TimedChoice, 'probes'>): MadeOf {
  return { engine, model, ...editsMadeOf(edits), 'tokens per forward': inputs };
}

export async function measureTiming(of: MadeOf, choice: TimedChoice): Promise<void> {
  const { of: known, measuring, failed } = timingStore.getState();
  if (isSame(known, of) || isSame(measuring, of) || isSame(failed, of)) return;
  settle('timing');
  timingStore.setState({ measuring: of });
  try {
    const { edits, probes } = choice;
    const result = await showingRefit((onProgress) => measureQuietly('measure', { edits, probes }, onProgress));
    if (result) timingStore.setState({ of, result, failed: null });
  } catch (thrown) {
    timingStore.setState({ failed: of });
    showError('timing', thrown);
  } finally {
    if (timingStore.getState().measuring === of) timingStore.setState({ measuring: null });
  }
}
