/**
 * One place for one compute process. It stays, with its engine and model, from job to job of the same kind; after
 * anything but a success it is replaced, since a process that was stopped or failed in the middle owes memory.
 */

import type { WorkerClient } from '../../../workers/client.ts';
import type { ModelSummary } from '../../../workers/protocol.ts';
import { ContiguaError } from '../../core/errors.ts';
import type { EngineReport } from '../../core/tensor/engine.ts';
import type { WantedEngine } from '../queue.ts';

/** As much of `workers/node-process.ts` as is needed, so that tests may bring a process of their own. */
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
  private compute: Compute | null = null;
  private engine: { readonly wanted: WantedEngine; readonly report: EngineReport } | null = null;
  private model: { readonly url: string; readonly summary: ModelSummary } | null = null;

  constructor(
    private readonly start: StartCompute,
    private readonly threads: number,
  ) {}

  async startEngine(wanted: WantedEngine, signal: AbortSignal): Promise<EngineReport> {
    if (this.engine?.wanted === wanted) return this.engine.report;
    await this.end();
    this.compute = this.start({ threads: this.threads });
    const { client } = this.compute;
    const report = await client.call('startEngine', { wanted, threads: this.threads }, { signal });
    this.engine = { wanted, report };
    return report;
  }

  /** Needs a started engine. Rejects with `plan-mismatch` where the folder holds another model than the run was made for. */
  async openModel({ url, name, fingerprint }: SlotModel, signal: AbortSignal): Promise<ModelSummary> {
    const summary =
      this.model?.url === url && this.model.summary.fingerprint === fingerprint
        ? this.model.summary
        : await this.client.call('openModel', { source: { kind: 'url', url, name } }, { signal });
    this.model = { url, summary };
    if (summary.fingerprint === fingerprint) return summary;
    throw new ContiguaError('plan-mismatch', `The model ${name} is another one by now`, {
      found: summary.fingerprint,
      expected: fingerprint,
      hint: 'Put the files back that the run was made with, or make a new run.',
    });
  }

  get client(): WorkerClient {
    if (!this.compute) throw new ContiguaError('internal', 'A compute process is used before it was started');
    return this.compute.client;
  }

  /** Ends the process and waits until it is gone, so that nothing writes into a folder that is about to go. */
  async end(): Promise<void> {
    const { compute } = this;
    this.compute = null;
    this.engine = null;
    this.model = null;
    compute?.client.close();
    await compute?.exited;
  }
}
