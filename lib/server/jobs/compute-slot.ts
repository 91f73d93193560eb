/**
 * One place for one compute process. It stays, with its engine and model, from job to job of the same kind; after
 * anything but a success it is replaced, since a process that was stopped or failed in the middle owes memory. Every call
 * is watched: one whose process hangs is rejected with `worker-crashed`, as if the process had died.
 */

import type { CallOptions, WorkerClient } from '../../compute/client.ts';
import type { Progress, TaskName, Tasks } from '../../compute/protocol.ts';
import { ContiguaError } from '../../core/errors.ts';
import type { ModelSummary } from '../../core/folder/model-summary.ts';
import type { DistilProgress } from '../../core/run/index.ts';
import type { EngineReport, WantedEngine } from '../../core/tensor/engine.ts';
import { type Allowance, Watch } from './watch.ts';

/** As much of `lib/compute/node-process.ts` as is needed, so that tests may bring a process of their own. */
export interface Compute {
  readonly client: WorkerClient;
  readonly exited: Promise<unknown>;
}
export type StartCompute = (options: { readonly threads: number }) => Compute;

export interface SlotModel {
  /** `file:` URL of its folder. */
  readonly url: string;
  readonly name: string;
  readonly fingerprint: string;
}

export class ComputeSlot {
  private watch: Watch | null = null;
  private isHung = false;
  private compute: Compute | null = null;
  private engine: { readonly wanted: WantedEngine; readonly report: EngineReport } | null = null;
  private model: { readonly url: string; readonly summary: ModelSummary } | null = null;

  constructor(
    private readonly start: StartCompute,
    private readonly threads: number,
    private readonly allowance: Allowance,
  ) {}

  /** False from the moment at which its process was found hanging until that is gone. */
  get works(): boolean {
    return !this.isHung;
  }

  /** Of the call under way; null before its first step. */
  get medianStepMs(): number | null {
    return this.watch?.medianStepMs ?? null;
  }

  /** Needs a started engine, but for `startEngine` itself. */
  async call<K extends TaskName>(
    task: K,
    input: Tasks[K]['input'],
    options: CallOptions<K> = {},
  ): Promise<Tasks[K]['result']> {
    if (!this.compute) throw new ContiguaError('internal', 'A compute process is used before it was started');
    const { client } = this.compute;
    return await new Promise((resolve, reject) => {
      const watch = new Watch(this.allowance, (what) => {
        this.isHung = true;
        reject(new ContiguaError('worker-crashed', `The compute process hangs: it ${what}`));
      });
      this.watch = watch;
      const watched: CallOptions<K> = {
        ...options,
        onAlive: (turns) => watch.alive(turns),
        onProgress: (progress) => {
          watch.worked(stepsMs(progress));
          options.onProgress?.(progress);
        },
      };
      client
        .call(task, input, watched)
        .finally(() => watch.end())
        .then(resolve, reject);
    });
  }

  async startEngine(wanted: WantedEngine, signal: AbortSignal): Promise<EngineReport> {
    if (this.engine?.wanted === wanted) return this.engine.report;
    await this.end();
    this.compute = this.start({ threads: this.threads });
    const report = await this.call('startEngine', { wanted, threads: this.threads }, { signal });
    this.engine = { wanted, report };
    return report;
  }

  /** Needs a started engine. Rejects with `plan-mismatch` where the folder holds another model than the run was made for. */
  async openModel({ url, name, fingerprint }: SlotModel, signal: AbortSignal): Promise<ModelSummary> {
    const summary =
      this.model?.url === url && this.model.summary.fingerprint === fingerprint
        ? this.model.summary
        : await this.call('openModel', { source: { kind: 'url', url, name } }, { signal });
    this.model = { url, summary };
    if (summary.fingerprint === fingerprint) return summary;
    throw new ContiguaError('plan-mismatch', `The model ${name} has changed since the run was made`, {
      found: summary.fingerprint,
      expected: fingerprint,
      hint: 'Restore the files that the run was made with, or start a new run.',
    });
  }

  /** Ends the process and waits until it is gone, so that nothing writes into a folder that is about to go. */
  async end(): Promise<void> {
    const { compute } = this;
    this.compute = null;
    this.engine = null;
    this.model = null;
    this.watch?.end();
    this.watch = null;
    compute?.client.close();
    await compute?.exited;
    this.isHung = false;
  }
}

/** Durations of the steps that a training task's progress tells. */
function stepsMs({ partial }: Progress): readonly number[] {
  if (typeof partial !== 'object' || partial === null || !('points' in partial)) return [];
  const { points } = partial as Extract<DistilProgress, { kind: 'steps' }>;
  return points.map(({ durationMs }) => durationMs);
}
