/** Whether captured states are those that a run asks for: of its model, its intervals and the samples of its data. */
import { ContiguaError } from '../errors.ts';
import { BOUNDARIES_HINT, type Boundaries } from './boundaries.ts';

export interface WantedBoundaries {
  readonly fingerprint: string;
  readonly intervals: readonly { readonly first: number; readonly last: number }[];
  /** The file of samples that the run trains on, and its digits (lib/core/checkpoint/file-digits.ts). */
  readonly data: { readonly name: string; readonly digits: string };
}

/** Throws `trace-invalid`. */
export function assertBoundariesFit(boundaries: Boundaries, { fingerprint, intervals, data }: WantedBoundaries): void {
  const { file, model, calibration } = boundaries;
  const wrong = (summary: string, found: string, expected: string, hint = BOUNDARIES_HINT) =>
    new ContiguaError('trace-invalid', summary, { file, found, expected, hint });
  if (model.fingerprint === null) {
    const hint = 'Capture again with --fingerprint and what `contigua inspect MODEL --json` says.';
    throw wrong('The states name no model', `${model.name} without a fingerprint`, fingerprint, hint);
  }
  if (model.fingerprint !== fingerprint) {
    throw wrong('The states are of another model', `${model.name}, ${model.fingerprint}`, fingerprint);
  }
  if (calibration === null) {
    const hint = 'Capture again without --no-calibration, and train on the calibration.safetensors beside the states.';
    throw wrong('The states do not say which samples they are of', 'no calibration', data.name, hint);
  }
  if (calibration.digits !== data.digits) {
    throw wrong(
      'The states are of other samples than the training data',
      `${calibration.name}, ${calibration.digits}`,
      `${data.name}, ${data.digits}`,
      `Train on the ${calibration.name} that was written beside the states.`,
    );
  }
  const ends = new Set(boundaries.intervals.flatMap(({ first, last }) => [first - 1, last]));
  const missing = intervals.filter(({ first, last }) => !ends.has(first - 1) || !ends.has(last));
  if (missing.length > 0) {
    const text = (of: WantedBoundaries['intervals']) => of.map(({ first, last }) => `${first}-${last}`).join(', ');
    throw wrong(
      'The states are not those around every interval of the run',
      text(boundaries.intervals),
      `${text(missing)} too`,
      'Capture again with the intervals of the plan, or take the others out of it.',
    );
  }
}
