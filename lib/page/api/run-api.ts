/**
 * What the page asks of the server about distillation, free of transport: `api-trpc.ts` speaks to the real one, the
 * tests to one in memory. Every method rejects with a ContiguaError; `server-unreachable` where nobody answers.
 */
import type { ContiguaError } from '@/lib/core/errors.ts';
import type { BlockInterval } from '@/lib/core/interval/interval.ts';
import type { RunEstimate, RunEvent, RunView, StepPoint } from '@/lib/core/run/index.ts';
import type { ModelPlaces, RunRequest, RunSummary, ServerModel, ServerStatus } from '@/lib/server/backend.ts';

export type { ModelPlaces, RunRequest, RunSummary, ServerModel, ServerStatus };

export interface RunFollower {
  onEvent(id: number, event: RunEvent): void;
  /** The stream flows. */
  onLive(): void;
  /** It does not, for now; the client tries again by itself. */
  onLost(): void;
  /** It never will: the run is gone, the request is refused. */
  onRefused(error: ContiguaError): void;
}

export interface RunApi {
  status(): Promise<ServerStatus>;
  models(): Promise<readonly ServerModel[]>;
  places(): Promise<ModelPlaces>;
  estimate(request: RunRequest): Promise<RunEstimate>;
  /** The new run's id. */
  create(request: RunRequest): Promise<string>;
  list(): Promise<readonly RunSummary[]>;
  view(id: string): Promise<RunView>;
  curve(id: string, key: string): Promise<readonly StepPoint[]>;
  pause(id: string): Promise<void>;
  resume(id: string): Promise<void>;
  cancel(id: string): Promise<void>;
  remove(id: string): Promise<void>;
  retry(id: string, key: string, afresh: boolean): Promise<void>;
  addInterval(id: string, interval: BlockInterval): Promise<void>;
  trySubset(id: string, plugged: readonly string[], fineTuned: boolean): Promise<void>;
  /** Stored events after number `after`, then those to come. Returns how to stop. */
  follow(id: string, after: number, follower: RunFollower): () => void;
}
