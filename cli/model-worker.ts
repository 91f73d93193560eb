/**
 * Starts a compute process with an engine and a model for the length of one command, and waits for its end in any case. A process,
 * not a thread: native libraries do not survive the end of their thread, nor does the command then end with its own code.
 */
import type { WorkerClient } from '../lib/compute/client.ts';
import { startComputeProcess } from '../lib/compute/node-process.ts';
import type { ModelSummary } from '../lib/core/folder/model-summary.ts';
import type { EngineReport, WantedEngine } from '../lib/core/tensor/engine.ts';
import type { Arguments } from './arguments.ts';
import { modelSource, sourceEnvironment } from './model-source.ts';
import { tell } from './output.ts';

export interface OpenedModel {
  readonly client: WorkerClient;
  readonly engine: EngineReport;
  readonly model: ModelSummary;
}

/**
 * Every engine is looked at before one is chosen, and TensorFlow announces its oneDNN kernels on stderr when it is loaded.
 * Where another engine was named it will not compute: with those kernels off it says nothing.
 */
export function environmentFor(engine: WantedEngine): Record<string, string> {
  return engine === 'auto' || engine === 'tensorflow' ? {} : { TF_ENABLE_ONEDNN_OPTS: '0' };
}

export async function withModel<T>(
  args: Arguments,
  engine: WantedEngine,
  signal: AbortSignal,
  use: (opened: OpenedModel) => Promise<T>,
): Promise<T> {
  const source = await modelSource(args.model, signal);
  const compute = startComputeProcess({ env: { ...environmentFor(engine), ...sourceEnvironment(args) } });
  const { client } = compute;
  try {
    const report = await client.call('startEngine', { wanted: engine }, { signal });
    // Checking a model takes next to no computing: which engine idles meanwhile is of no interest.
    if (engine !== HEADERS_ONLY) tell(`engine: ${report.name} (${report.device}). ${report.why}`);
    return await use({ client, engine: report, model: await client.call('openModel', { source }, { signal }) });
  } finally {
    client.close();
    // Until then it may write to folders that the command removes.
    await compute.exited;
  }
}

/** The engine of commands that only read a model, unless another is named: the one that starts at once everywhere. */
export const HEADERS_ONLY = 'cpu';
