/** What `optimise` reports and stores while it trains for a run: checkpoints, steps, and held-out errors between them. */
import type { DistilProgress, SavedFile, StandInError } from '../run/progress.ts';
import type { DistilSettings } from '../run/settings.ts';
import type { optimise } from './optimise.ts';
import type { FlatParameters } from './parameters.ts';

type OptimiseOptions = Parameters<typeof optimise>[0];

export interface TrainingReporter {
  readonly settings: DistilSettings;
  readonly save: (name: string, parts: AsyncIterable<Uint8Array>) => Promise<SavedFile>;
  readonly onProgress: (progress: DistilProgress, stepsDone: number) => void;
  readonly signal: AbortSignal;
}

/** `errorOf` measures held-out samples with the weights as they are; `from` is the step that training starts after. */
export function progressOfTraining(
  { settings, save, onProgress, signal }: TrainingReporter,
  from: number,
  errorOf: (weights: FlatParameters, signal: AbortSignal) => Promise<StandInError>,
): Required<Pick<OptimiseOptions, 'saveState' | 'onSteps' | 'onCheckpoint' | 'afterStep'>> {
  let stepsDone = from;
  return {
    saveState: (step, parts) => save(`state-${step}.safetensors`, parts),
    onSteps: (points) => {
      stepsDone = points.at(-1)?.step ?? stepsDone;
      onProgress({ kind: 'steps', points }, stepsDone);
    },
    onCheckpoint: (step, file) => onProgress({ kind: 'checkpoint', step, file }, step),
    async afterStep(step, weights) {
      if (step % settings.heldOutEvery !== 0 || step === settings.steps) return;
      onProgress({ kind: 'held-out', point: { step, student: await errorOf(weights, signal) } }, step);
    },
  };
}
