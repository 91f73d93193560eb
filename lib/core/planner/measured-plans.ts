/**
 * Plans whose output error was measured (`contigua plan --measure`, or the page's *Download plan*), read again as measurements: each is a
 * point beside the planner's own, and the correction of predictions is fitted to them. Errors are comparable where the same samples went
 * through the same model, so that a plan has to be measured on the inputs of the report that predicts.
 */
import type { EditSet } from '../edit/index.ts';
import { ContiguaError } from '../errors.ts';
import type { Plan } from '../plan/index.ts';
import type { AnalysisReport, Bounds, CalibrationFacts, SplitFacts } from '../report/index.ts';
import type { ChoiceScales } from './choice-scales.ts';
import { fitPrediction, type PredictionFit } from './prediction-fit.ts';

export interface MeasuredPlan {
  readonly edits: EditSet;
  /** Relative. */
  readonly outputError: number;
  /** 95 %; null where none were drawn. */
  readonly bounds: Bounds | null;
}

type Inputs = Pick<AnalysisReport, 'calibration' | 'settings' | 'split'>;

/** Throws `plan-invalid` where no output error is in the plan, and `plan-mismatch` where it is of other inputs than the report's. */
export function measuredPlanOf(plan: Plan, report: Inputs, file: string): MeasuredPlan {
  const { choice, edits } = plan;
  if (choice?.outputError == null || hasStudents(plan)) {
    throw new ContiguaError('plan-invalid', 'The plan holds no measured output error', {
      file,
      found: edits.length === 0 ? 'no edits' : (unmeasuredBecause(plan) ?? 'a plan that was not measured'),
      expected: '`choice.outputError`',
      hint: '`contigua plan --measure --out FILE` writes a plan with what it measured.',
    });
  }
  const other = otherInputs(plan, report);
  if (other) {
    throw new ContiguaError('plan-mismatch', `The plan was measured on other ${other.what} than the report`, {
      file,
      found: other.found,
      expected: other.expected,
      hint: 'Measure it again with this report: `contigua plan --report FILE --measure`.',
    });
  }
  return { edits, outputError: choice.outputError, bounds: choice.outputErrorBounds };
}

const hasStudents = ({ edits }: Plan): boolean => edits.some((edit) => edit.on === 'run' && edit.by === 'student');

function unmeasuredBecause(plan: Plan): string | null {
  if (hasStudents(plan)) return 'a plan with students, which are measured by their run';
  return plan.choice?.facts ? 'facts alone: the output overflows, or was not measured' : null;
}

interface Difference {
  readonly what: 'inputs' | 'samples' | 'tokens';
  readonly found: string;
  readonly expected: string;
}

/** The first thing by which the errors of the plan are not those of the report; null where there is none. */
function otherInputs({ calibration, settings, choice }: Plan, report: Inputs): Difference | null {
  const expected = report.calibration.label;
  if (choice?.measuredOn !== undefined) return { what: 'inputs', found: choice.measuredOn, expected };
  if (!calibration || !settings) return { what: 'inputs', found: 'a plan without a report', expected };
  if (!isSameCalibration(calibration, report.calibration)) {
    const [found, of] = [calibration, report.calibration].map(inputWords);
    return { what: 'inputs', found: found!, expected: of! };
  }
  const [found, of] = [settings.split, report.split].map(splitWords);
  if (found !== of) return { what: 'samples', found: found!, expected: of! };
  const [held, heldOf] = [settings, report.settings].map(
    ({ damageSamples }) => `${damageSamples ?? 'no'} held-out samples`,
  );
  if (held !== heldOf) return { what: 'samples', found: held!, expected: heldOf! };
  const [fitted, fittedOf] = [settings, report.settings].map(fittedWords);
  return fitted === fittedOf ? null : { what: 'tokens', found: fitted!, expected: fittedOf! };
}

function isSameCalibration(a: CalibrationFacts, b: CalibrationFacts): boolean {
  // Version 1 names a file in the label alone.
  const isSameFile = a.file && b.file ? a.file.digits === b.file.digits : a.kind !== 'file' || a.label === b.label;
  return (
    isSameFile &&
    a.kind === b.kind &&
    a.seed === b.seed &&
    a.samples === b.samples &&
    a.timesteps.length === b.timesteps.length &&
    a.timesteps.every((time, i) => time === b.timesteps[i])
  );
}

function inputWords({ label, seed, file, samples, timesteps }: CalibrationFacts): string {
  const more = [
    `${samples} samples`,
    `timesteps ${timesteps.map((time) => Number(time.toPrecision(4))).join(' ')}`,
    ...(seed === null || label.includes('seed') ? [] : [`seed ${seed}`]),
    ...(file ? [`content ${file.digits}`] : []),
  ];
  return `${label} (${more.join(', ')})`;
}

function splitWords(split: SplitFacts): string {
  const seed = split.rule === 'prompt-groups' ? `, seed ${split.seed}` : '';
  return `samples split by ${split.rule}, ${(100 * split.share).toPrecision(3)} % held out${seed}`;
}

function fittedWords({ ridge, tokens }: AnalysisReport['settings']): string {
  return `maps fitted on ${tokens === undefined ? 'all tokens' : `at most ${tokens} tokens`} with ridge ${ridge}`;
}

export interface MeasuredChoiceError {
  readonly edits: EditSet;
  /** Null where it was not measured, or the output overflows. */
  readonly outputError: number | null;
}

/** The correction that measured choices teach. Choices of which nothing is predicted, and the whole model, take no part. */
export function fitMeasured(
  scales: Pick<ChoiceScales, 'predictedOf'>,
  choices: readonly MeasuredChoiceError[],
): PredictionFit {
  return fitPrediction(
    choices.flatMap(({ edits, outputError: measured }) => {
      const predicted = edits.length === 0 ? null : (scales.predictedOf(edits)?.value ?? null);
      return predicted === null || measured === null ? [] : [{ predicted, measured }];
    }),
  );
}
