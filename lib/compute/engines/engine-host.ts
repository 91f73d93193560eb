/**
 * What a host (page, terminal) must offer the dispatcher about engines: probe what is there, start one, say when it is
 * lost. Which one is chosen is decided by lib/core/tensor; how TensorFlow.js is loaded and set up is the host's affair.
 */
import * as tf from '@tensorflow/tfjs-core';
import { ContiguaError } from '../../core/errors.ts';
import { type KeptCheck, selfCheck } from '../../core/model/index.ts';
import {
  chooseEngine,
  type EngineCandidate,
  type EngineName,
  type EngineReport,
  type WantedEngine,
} from '../../core/tensor/index.ts';
import { type CheckEngine, keptChecks } from './kept-checks.ts';

export interface EngineHost {
  /**
   * Probes, chooses and starts. Throws `engine-unavailable`; never takes another engine than the one reported. Where `auto`
   * chooses an engine that must be checked first and it fails, the next one is taken and the report says why. `letGo` is
   * called once the choice stands and the running engine is about to be dropped: until then a refusal changes nothing.
   */
  start(wanted: WantedEngine, threads?: number, letGo?: () => void): Promise<EngineReport>;
  /** What the golden cases give on the running engine: of an earlier visit where that is kept, unless asked for `again`. */
  check(again?: boolean): Promise<KeptCheck>;
  isLost(): boolean;
  onLost(listener: (reason: string) => void): void;
}

/** What starting an engine found out that probing could not know. */
export interface Started {
  readonly device: string;
  readonly threads: number | null;
  /** Something the user must know, appended to `why`: "threads did not start …, running on one". */
  readonly note?: string;
}

export interface HostEngines {
  /** In the order of preference. */
  probe(threads?: number): Promise<readonly EngineCandidate[]>;
  /** Loads the backend's code, makes it TensorFlow.js' current backend and reports its loss through `lost`. */
  launch(name: EngineName, lost: (reason: string) => void, threads?: number): Promise<Started>;
  /** Runs the golden cases on the current backend, or tells what they gave on this engine and device. */
  readonly check?: CheckEngine;
}

export function createEngineHost({ probe, launch, check = keptChecks(selfCheck, null, '') }: HostEngines): EngineHost {
  // Without its advice on the console: which engine runs, and why, is what this file reports.
  tf.enableProdMode();
  const listeners: ((reason: string) => void)[] = [];
  let lost = false;
  let generation = 0;
  let running = '';

  async function start(choice: EngineReport, threads: number | undefined, checked: boolean): Promise<EngineReport> {
    const mine = ++generation;
    let refuse: ((reason: Error) => void) | null = null;
    const gone = new Promise<never>((_, reject) => {
      refuse = reject;
    });
    // Lost before it is in use, it is one that did not start.
    gone.catch(() => {});
    const started = await launch(
      choice.name,
      (reason) => {
        // A device that was replaced, or closed on purpose, is nobody's loss.
        if (mine !== generation || lost) return;
        if (refuse) return refuse(new Error(reason));
        lost = true;
        for (const listener of listeners) listener(reason);
      },
      threads,
    );
    // A lost device may never answer.
    const engine = `${choice.name}, ${started.device}`;
    const passed = checked ? `${await Promise.race([passing(() => check(engine)), gone])} ` : '';
    refuse = null;
    lost = false;
    running = engine;
    const why = [choice.why, passed.trim(), started.note].filter(Boolean).join(' ');
    return { ...choice, device: started.device, threads: started.threads, why };
  }

  return {
    async start(wanted, threads, letGo = () => {}) {
      let candidates = await probe(threads);
      let choice = chooseEngine(wanted, candidates);
      letGo();
      for (;;) {
        const { name } = choice;
        const checked = wanted === 'auto' && candidates.some((one) => one.name === name && one.checkFirst === true);
        try {
          return await start(choice, threads, checked);
        } catch (thrown) {
          const reason = thrown instanceof Error ? thrown.message : plainMessage(thrown);
          if (!checked) {
            if (thrown instanceof ContiguaError) throw thrown;
            throw new ContiguaError('engine-unavailable', `The ${name} engine did not start`, {
              found: reason,
              hint: 'Choose another engine.',
            });
          }
          const failed = { available: false, preferred: false, reason: `${reason.replace(/\.+$/, '')}.` };
          candidates = candidates.map((one) => (one.name === name ? { ...one, ...failed } : one));
          choice = chooseEngine('auto', candidates);
        }
      }
    },
    check: (again) => check(running, again),
    isLost: () => lost,
    onLost: (listener) => listeners.push(listener),
  };
}

/** The sentence to add for an engine that computes what the reference does; throws for one that does not. */
async function passing(check: () => Promise<KeptCheck>): Promise<string> {
  const { maxAbsError, tolerance } = await check();
  const off = `off by ${maxAbsError.toExponential(1)} from the reference, at most ${tolerance.toExponential(0)} allowed`;
  if (maxAbsError <= tolerance) return `It passed the reference check: ${off}.`;
  throw new Error(`It failed the reference check: ${off}`);
}

/** The wasm backend rejects with a plain `{ message }`. */
function plainMessage(thrown: unknown): string {
  return typeof thrown === 'object' && thrown !== null && 'message' in thrown ? String(thrown.message) : String(thrown);
}

const factories = new Map<string, () => tf.KernelBackend | Promise<tf.KernelBackend>>();

/**
 * A fresh instance of a registered backend. Instances that ran before, of this or another engine, are disposed, so that
 * neither a lost device nor the memory of an engine no longer in use stays behind.
 */
export async function freshBackend(name: EngineName): Promise<tf.KernelBackend> {
  for (const previous of tf.engine().backendNames()) {
    // The first factory is the package's own; later ones are the wrappers of this function.
    const factory = factories.get(previous) ?? tf.findBackendFactory(previous);
    factories.set(previous, factory);
    drop(previous);
  }
  const factory = factories.get(name);
  if (!factory) throw new Error(`TensorFlow.js has no backend "${name}"`);
  let refusal: unknown = new Error('TensorFlow.js gave no reason');
  // TensorFlow.js only logs why an initialisation fails; the wrapper keeps the reason for the page.
  tf.registerBackend(name, async () => {
    try {
      return await factory();
    } catch (thrown) {
      refusal = thrown;
      throw thrown;
    }
  });
  if (!(await tf.setBackend(name))) throw refusal;
  for (const [other, otherFactory] of factories) {
    if (other !== name && !tf.findBackendFactory(other)) tf.registerBackend(other, otherFactory, 0);
  }
  return tf.backend();
}

function drop(name: string): void {
  try {
    tf.removeBackend(name);
  } catch {
    // A lost device may refuse to clean up after itself; the second call finds nothing left to dispose.
    const registry: { [name: string]: unknown } = tf.engine().registry;
    delete registry[name];
    tf.removeBackend(name);
  }
}

/** Settles like `promise`, or rejects after `milliseconds`. */
export async function withDeadline<T>(promise: Promise<T>, milliseconds: number, message: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(message)), milliseconds);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
