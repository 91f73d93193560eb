/**
 * The name of a training: everything that decides its weights after a number of steps. A checkpoint holds it and goes on with no
 * other training, so that a name never changes between versions.
 */
import type { DistilSettings } from '../run/settings.ts';
import type { TrainingBatches } from './training-data.ts';

export interface NamedTraining {
  /** Of the teacher. */
  readonly fingerprint: string;
  /** What is trained. */
  readonly subject: string;
  /** What else the model has in place, `after 2-3`; null for nothing. */
  readonly inPlace: string | null;
  readonly batches: Pick<TrainingBatches, 'key'>;
  /** Where the teacher's states were captured elsewhere, what names them. */
  readonly states?: string | null;
  readonly settings: DistilSettings;
}

export function taskName({ fingerprint, subject, inPlace, batches, states, settings }: NamedTraining): string {
  const { heldOutEvery: _, heldOutSamples: __, checkpointEvery: ___, ...deciding } = settings;
  return [
    `${fingerprint} ${subject}`,
    ...(inPlace ? [inPlace] : []),
    batches.key + (states ? `, states ${states}` : ''),
    JSON.stringify(deciding),
  ].join(', ');
}
