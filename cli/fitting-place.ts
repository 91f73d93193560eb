/**
 * Where `export --plan` and `plan --measure` keep the linear maps that they fit, and the states that are more than `--memory` allows: in a
 * folder of their own, below `--states` or among the system's temporary files, which is removed at the end, or by the next such command
 * where this one is killed. At width 3072 a map takes 38 MB, and a choice may have a hundred.
 */
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { WorkerClient } from '../lib/compute/client.ts';
import type { FittingPlace, ProbeSource } from '../lib/compute/protocol.ts';
import type { ModelSummary } from '../lib/core/folder/model-summary.ts';
import { allowedBytes, isEstimated, sizeOf } from './analyse-limits.ts';
import type { OptionSpec, Options } from './arguments.ts';
import { tell } from './output.ts';
import { makeScratchFolder } from './scratch-folder.ts';

export const PLACE_OPTIONS = {
  states: { type: 'string' },
  memory: { type: 'string' },
  disk: { type: 'string' },
} as const satisfies OptionSpec;

export interface FittingFolder {
  /** For maps that are fitted on the samples of `source`. One block of a large model is measured, for what memory leaves to states. */
  placeFor(
    client: WorkerClient,
    model: ModelSummary,
    source: Pick<ProbeSource, 'calibration' | 'tokens'>,
    signal: AbortSignal,
  ): Promise<FittingPlace>;
  remove(): Promise<void>;
}

/** Throws `usage` for sizes that cannot be read. The folder is made when it is needed. */
export function fittingFolder(command: string, args: Options): FittingFolder {
  const memoryBytes = sizeOf(args, 'memory', command);
  const sizeBytes = sizeOf(args, 'disk', command) ?? Number.MAX_SAFE_INTEGER;
  const parent = resolve(args.text('states') ?? tmpdir());
  let folder: string | null = null;
  return {
    async placeFor(client, model, { calibration, tokens }, signal) {
      folder ??= await makeScratchFolder(parent, 'contigua-maps');
      const states = { url: pathToFileURL(`${folder}/`).href, sizeBytes };
      if (!isEstimated(model, memoryBytes)) return { states };
      tell('measuring one block, for what memory leaves to states');
      const request = { calibration, tokens: tokens ?? 'all', memoryBytes: allowedBytes(memoryBytes) } as const;
      return { states, limits: await client.call('fittingLimits', request, { signal }) };
    },
    async remove() {
      if (folder !== null) await rm(folder, { recursive: true, force: true });
      folder = null;
    },
  };
}
