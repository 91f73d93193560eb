/** What the page and its background worker say to each other. */
import type { WireError } from '@/lib/compute/protocol.ts';
import type { BackgroundTasks } from './tasks.ts';

export type BackgroundTask = keyof BackgroundTasks;
export type InputOf<K extends BackgroundTask> = Parameters<BackgroundTasks[K]>[0];
export type ResultOf<K extends BackgroundTask> = Awaited<ReturnType<BackgroundTasks[K]>>;

export interface BackgroundRequest {
  readonly id: number;
  readonly task: BackgroundTask;
  readonly input: unknown;
}

export type BackgroundReply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: WireError };
