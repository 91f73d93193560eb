/** The engine in use, why, and whether it computes the reference numbers. Nothing here falls back without saying so. */
import { createStore } from 'zustand/vanilla';
import type { Tasks } from '@/lib/compute/protocol.ts';
import { asContiguaError, ContiguaError } from '@/lib/core/errors.ts';
import type { EngineReport, WantedEngine } from '@/lib/core/tensor/engine.ts';
import { settle, showError, showWarning } from '../browser/notices.ts';
import { ask, onTrouble } from './compute.ts';

export type EngineCheck = Tasks['verifyEngine']['result'] | 'running' | null;

export interface EngineState {
  readonly status: 'starting' | 'ready' | 'lost' | 'failed';
  readonly wanted: WantedEngine;
  readonly report: EngineReport | null;
  readonly check: EngineCheck;
  /** Why it is lost or failed. */
  readonly problem: ContiguaError | null;
  /** How long nothing has come from it while something was asked for; null while it answers (see lib/compute/watchdog.ts). */
  readonly silentMs: number | null;
}

export const engineStore = createStore<EngineState>(() => ({
  status: 'starting',
  wanted: 'auto',
  report: null,
  check: null,
  problem: null,
  silentMs: null,
}));

/** Starts the engine the user named, or the best one. False when none started; the notice says why. */
export async function startEngine(wanted: WantedEngine): Promise<boolean> {
  engineStore.setState({ status: 'starting', wanted, check: null, problem: null });
  try {
    const report = await ask('startEngine', { wanted });
    settle('engine', 'silence');
    engineStore.setState({ status: 'ready', report });
    return true;
  } catch (thrown) {
    const problem = asContiguaError(thrown);
    engineStore.setState({ status: 'failed', problem });
    showError('engine', problem);
    return false;
  }
}

/**
 * Compares the engine with the golden cases of every family; a difference beyond the tolerance is an error the user sees. An earlier
 * visit's result is taken where this browser keeps one, unless asked for `again`.
 */
export async function verifyEngine({ again = false } = {}): Promise<void> {
  engineStore.setState({ check: 'running' });
  try {
    const check = await ask('verifyEngine', { again });
    engineStore.setState({ check });
    if (!(check.maxAbsError <= check.tolerance)) {
      showError(
        'engine',
        new ContiguaError('engine-unavailable', 'The engine does not compute the reference numbers', {
          found: `largest difference ${check.maxAbsError.toExponential(1)}`,
          expected: `at most ${check.tolerance.toExponential(0)}`,
          hint: 'Choose another engine at the top of the page; do not trust results of this one.',
        }),
      );
    }
  } catch (thrown) {
    engineStore.setState({ check: null });
    showError('engine', thrown);
  }
}

/** Listens for a lost device and a dead or silent worker for as long as the page lives. `recover` starts anew and opens the model. */
export function watchEngine(recover: () => void): void {
  const trouble = (problem: ContiguaError) => {
    engineStore.setState({ status: 'lost', problem, check: null });
    showError('engine', problem, { label: 'Restart engine', run: recover });
  };
  let told = false;
  onTrouble({
    lost: (reason) =>
      trouble(
        new ContiguaError('engine-lost', `The engine stopped: ${reason}`, {
          hint: 'Restart the engine to continue; your choice and every finished analysis are kept.',
        }),
      ),
    crashed: trouble,
    silent(silentMs) {
      engineStore.setState({ silentMs });
      if (silentMs === null) {
        told = false;
        settle('silence');
        return;
      }
      // Told once: dismissed, it stays away while the silence lasts.
      if (told) return;
      told = true;
      showWarning('silence', silenceWords(silentMs), {
        hint: 'It may be busy with one long computation, or it may have stopped. Wait, or restart it: your choice, your settings and every finished analysis are kept.',
        action: { label: 'Restart engine', run: recover },
      });
    },
  });
}

export function silenceWords(silentMs: number): string {
  return `No answer from the engine for ${Math.round(silentMs / 1_000)} s`;
}
