/**
 * What modulations of all blocks lose when they share a basis, rank by rank. It follows from the weights alone, one matrix at a time, so that it
 * is found on request for a model of any size; the output error of one rank is measured on the inputs of the analysis, where there is one.
 */
import { createStore } from 'zustand/vanilla';
import type { Tasks } from '@/lib/compute/protocol.ts';
import { type ModulationEdit, modulationEdit, type WidthEdit } from '@/lib/core/edit/index.ts';
import { settle, showError } from '../browser/notices.ts';
import type { Analysed } from './analysis-store.ts';
import { ask } from './compute.ts';
import { beginMeasurement } from './measurements.ts';
import { modelStore } from './model.ts';
import { reportProbes } from './probe-source.ts';

export interface RankErrors {
  /** Fingerprint of the model. */
  readonly model: string;
  /** Of the modulations of all blocks at held-out timesteps, by rank from 0, the mean alone. */
  readonly errors: readonly number[];
  /** The timesteps that they were found at, for people. */
  readonly about: string;
}

/** What the output of the whole model loses at one rank. */
export interface MeasuredRank {
  readonly model: string;
  /** Names the inputs, as `reportProbes` does. */
  readonly inputs: string;
  readonly rank: number;
  readonly damage: Tasks['choice']['result'];
}

export interface ModulationsState {
  readonly found: RankErrors | null;
  readonly measured: MeasuredRank | null;
  readonly running: { readonly stage: string; readonly done: number; readonly total: number } | null;
}

export const modulationsStore = createStore<ModulationsState>(() => ({ found: null, measured: null, running: null }));
let stopRunning: AbortController | null = null;

/** The modulations among edits, at another rank and of the same blocks; of all blocks where there are none. */
export function atRank(edits: readonly WidthEdit[], rank: number): ModulationEdit[] {
  const shared = edits.filter((edit) => edit.on === 'modulation');
  return shared.length === 0
    ? [modulationEdit({ rank })]
    : shared.map(({ blocks }) => modulationEdit({ rank }, blocks));
}

/**
 * The same as a table over the timesteps of so many steps of the model's scheduler. Null where it failed, which is said, and where another
 * model was opened.
 */
export async function asTable(edits: readonly WidthEdit[], steps: number): Promise<ModulationEdit[] | null> {
  const { summary } = modelStore.getState();
  if (!summary) return null;
  const requests = atRank(edits, 1).map(({ blocks }) => ({ blocks, by: { steps } }));
  const { own, end } = beginMeasurement();
  settle('damage');
  try {
    const { found } = await ask('modulations', { requests, calibration: null }, { signal: own.signal });
    const isPresent = modelStore.getState().summary?.fingerprint === summary.fingerprint;
    return isPresent ? found.map(({ edit }) => edit) : null;
  } catch (thrown) {
    if (!own.signal.aborted) showError('damage', thrown);
    return null;
  } finally {
    end();
  }
}

/** The errors by rank, then the output error of `rank` where an analysis names inputs to measure on. */
export async function findModulations(rank: number, { report, measuredOn }: Analysed): Promise<void> {
  const { summary } = modelStore.getState();
  if (!summary || stopRunning) return;
  const { own, end } = beginMeasurement();
  stopRunning = own;
  const { signal } = own;
  const { fingerprint: model } = summary;
  const onProgress = (running: NonNullable<ModulationsState['running']>) => modulationsStore.setState({ running });
  settle('damage');
  onProgress({ stage: 'modulations', done: 0, total: 1 });
  try {
    if (modulationsStore.getState().found?.model !== model) {
      const requests = [{ blocks: 'all', by: { rank } }] as const;
      const { found, about } = await ask('modulations', { requests, calibration: null }, { signal, onProgress });
      modulationsStore.setState({ found: { model, errors: [...(found[0]?.errors ?? [])], about } });
    }
    // Stopped, or another model opened, just as the first answer came.
    if (signal.aborted || modelStore.getState().summary?.fingerprint !== model) return;
    const probes = reportProbes(report, measuredOn);
    if (!probes || isMeasuredOn(probes.name)) return;
    const edits = [modulationEdit({ rank })];
    const damage = await ask('choice', { edits, probes: probes.source }, { signal, onProgress });
    modulationsStore.setState({ measured: { model, inputs: probes.name, rank, damage } });
  } catch (thrown) {
    if (!signal.aborted) showError('damage', thrown);
  } finally {
    end();
    stopRunning = null;
    modulationsStore.setState({ running: null });
  }
}

export function stopModulations(): void {
  stopRunning?.abort();
}

export function clearModulations(): void {
  stopRunning?.abort();
  modulationsStore.setState({ found: null, measured: null });
}

/** Whether the output error of the model on the page is known on these inputs. */
export function isMeasuredOn(inputs: string): boolean {
  const { measured } = modulationsStore.getState();
  return measured?.inputs === inputs && measured.model === modelStore.getState().summary?.fingerprint;
}
