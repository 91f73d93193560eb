/** Forward time of the whole and the pruned model, measured on the engine in use whenever the choice rests. */
import { createStore } from 'zustand/vanilla';
import type { BlockInterval } from '@/lib/core/interval/interval.ts';
import type { Replacement } from '@/lib/core/plan/plan.ts';
import type { ForwardTiming } from '@/workers/protocol.ts';
import { measureQuietly } from './compute.ts';
import { showError } from './notices.ts';

export interface TimingState {
  /** The choice that `result` belongs to. */
  readonly key: string | null;
  readonly measuring: string | null;
  readonly result: ForwardTiming | null;
  /** The choice whose measurement failed, so that it is not tried for ever. */
  readonly failed: string | null;
}

export const timingStore = createStore<TimingState>(() => ({ key: null, measuring: null, result: null, failed: null }));

export function timingKey(
  engine: string,
  fingerprint: string,
  intervals: readonly BlockInterval[],
  replacement: Replacement,
): string {
  return `${engine} ${fingerprint} ${replacement} ${intervals.map(({ first, last }) => `${first}-${last}`).join('.')}`;
}

export async function measureTiming(
  key: string,
  intervals: readonly BlockInterval[],
  replacement: Replacement,
): Promise<void> {
  const { key: known, measuring, failed } = timingStore.getState();
  if (known === key || measuring === key || failed === key) return;
  timingStore.setState({ measuring: key });
  try {
    const result = await measureQuietly('measure', { intervals, replacement });
    if (result) timingStore.setState({ key, result });
  } catch (thrown) {
    timingStore.setState({ failed: key });
    showError('timing', thrown);
  } finally {
    if (timingStore.getState().measuring === key) timingStore.setState({ measuring: null });
  }
}
