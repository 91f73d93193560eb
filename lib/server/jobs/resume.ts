/** Where an attempt begins: at the newest checkpoint whose bytes are what they were, else at an older one, else at the start. */
import { pathToFileURL } from 'node:url';
import type { LinkedFile } from '../../compute/protocol.ts';
import { asContiguaError } from '../../core/errors.ts';
import type { ArtifactStore } from '../artifacts/store.ts';
import { noteOnJob } from '../runs/attempt.ts';
import { dropCheckpoint } from '../runs/checkpoints.ts';
import type { RunContext } from '../runs/context.ts';
import type { TakenJob } from '../runs/take.ts';

/** What cannot be used is dropped and the job says so. Any other failure, an unreachable store say, is thrown. */
export async function usableCheckpoint(
  context: RunContext,
  store: ArtifactStore,
  { attempt, checkpoints }: TakenJob,
  engine: string,
): Promise<LinkedFile | null> {
  for (const [i, checkpoint] of checkpoints.entries()) {
    try {
      const path = await store.localCopy(checkpoint.artifact);
      if (checkpoint.engine !== engine) {
        const note = `From step ${checkpoint.step} on it was trained on ${engine} instead of ${checkpoint.engine}, so not bit for bit as it would have been.`;
        await noteOnJob(context, attempt, note);
      }
      return { path: checkpoint.artifact.key, url: pathToFileURL(path).href };
    } catch (thrown) {
      const { code, message } = asContiguaError(thrown);
      if (code !== 'artifact-corrupt' && code !== 'artifact-missing') throw thrown;
      const older = checkpoints[i + 1];
      const from = older ? `from the checkpoint at step ${older.step}` : 'from the start';
      const note = `The checkpoint at step ${checkpoint.step} cannot be used (${message}); training resumed ${from}.`;
      await dropCheckpoint(context, attempt, checkpoint, note);
    }
  }
  return null;
}
