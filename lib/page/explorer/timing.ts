/** Forward time of the whole and the pruned model, measured on the engine in use whenever the choice rests. */
import { createStore } from 'zustand/vanilla';
import type { ForwardTiming } from '@/lib/compute/protocol.ts';
import { type BlockInterval, formatIntervalParam } from '@/lib/core/interval/index.ts';
import type { Replacement } from '@/lib/core/plan/plan.ts';
import { settle, showError } from '../browser/notices.ts';
import { measureQuietly } from './compute.ts';
import { isSame, type MadeOf } from './made-of.ts';

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
  readonly intervals: readonly BlockInterval[];
  readonly replacement: Replacement;
  /** Tokens of one forward, as text. */
  readonly inputs: string;
}

export function timingOf({ engine, model, intervals, replacement, inputs }: TimedChoice): MadeOf {
  return {
    engine,
    model,
    'choice of blocks': formatIntervalParam(intervals),
    replacement,
    'tokens per forward': inputs,
  };
}

export async function measureTiming(of: MadeOf, choice: TimedChoice): Promise<void> {
  const { of: known, measuring, failed } = timingStore.getState();
  if (isSame(known, of) || isSame(measuring, of) || isSame(failed, of)) return;
  settle('timing');
  timingStore.setState({ measuring: of });
  try {
    const { intervals, replacement } = choice;
    const result = await measureQuietly('measure', { intervals, replacement });
    if (result) timingStore.setState({ of, result, failed: null });
  } catch (thrown) {
    timingStore.setState({ failed: of });
    showError('timing', thrown);
  } finally {
    if (timingStore.getState().measuring === of) timingStore.setState({ measuring: null });
  }
}
