/**
 * What a whole choice costs, in the terminal: at once the sum of what its edits cost alone, where a report says so, and with
 * `--measure` the output error of all of them together and the facts that the model still draws.
 */
import type { WorkerClient } from '../lib/compute/client.ts';
import type { CalibrationSource, ProbeSource, Tasks } from '../lib/compute/protocol.ts';
import { DEFAULT_RIDGE } from '../lib/core/analysis/probe.ts';
import { summedErrors } from '../lib/core/detection/index.ts';
import type { EditSet } from '../lib/core/edit/index.ts';
import { ContiguaError } from '../lib/core/errors.ts';
import type { ModelSummary } from '../lib/core/folder/model-summary.ts';
import type { AnalysisReport } from '../lib/core/report/index.ts';
import { COUNTED_PICTURES } from '../lib/core/shapes/index.ts';
import { wilsonInterval } from '../lib/core/wilson-interval.ts';
import { usage } from './arguments.ts';
import { linkedFile } from './model-source.ts';
import type { ProgressDisplay } from './progress.ts';

export interface MeasuredChoice {
  readonly damage: Tasks['choice']['result'];
  /** Null for models that cannot draw. */
  readonly facts: Tasks['facts']['result'] | null;
}

const DEFAULTS = { samples: 64, timesteps: 8, seed: 1 } as const;

/** What the report was measured on, or what `contigua analyse` would measure on without one. `file` is `--calibration`'s. */
export function measuredOn(report: AnalysisReport | null, model: ModelSummary, file: string | undefined): ProbeSource {
  return {
    calibration: calibrationOf(report, model, file),
    ridge: report?.settings.ridge ?? DEFAULT_RIDGE,
    split: report?.split.rule ?? 'prompt-groups',
  };
}

function calibrationOf(
  report: AnalysisReport | null,
  { drawable }: ModelSummary,
  file: string | undefined,
): CalibrationSource {
  if (file !== undefined) return { kind: 'file', file: linkedFile(file) };
  if (!report) return { kind: drawable ? 'shapes' : 'synthetic', ...DEFAULTS };
  const { kind, samples, timesteps, seed, label } = report.calibration;
  if (kind !== 'file') return { kind, samples, timesteps: timesteps.length, seed: seed ?? DEFAULTS.seed };
  throw new ContiguaError('usage', 'The report was measured on a file, which --measure needs again', {
    found: label,
    expected: '--calibration FILE',
  });
}

export async function measureChoice(
  client: WorkerClient,
  { drawable }: ModelSummary,
  edits: EditSet,
  probes: ProbeSource,
  signal: AbortSignal,
  { show }: Pick<ProgressDisplay, 'show'>,
): Promise<MeasuredChoice> {
  if (edits.some(({ by }) => by === 'student')) {
    throw usage(
      'plan',
      '--measure does not go with students, which are trained first',
      '--by student',
      '--by nothing or --by probes',
    );
  }
  const options = { signal, onProgress: show };
  const damage = await client.call('choice', { edits, probes }, options);
  if (!drawable) return { damage, facts: null };
  const untrained = edits.flatMap((edit) => (edit.by === 'student' ? [] : [{ ...edit, by: edit.by }]));
  const facts = await client.call('facts', { edits: untrained, probes, skip: 0, ...COUNTED_PICTURES }, options);
  return { damage, facts };
}

/** Lines for people. */
export function choiceLines(report: AnalysisReport | null, edits: EditSet, measured: MeasuredChoice | null): string[] {
  const estimate = report && edits.length > 0 ? summedErrors(report, edits) : null;
  const lines: string[] = [];
  if (estimate !== null) {
    lines.push(
      `predicted output error: ${percent(estimate)}, the sum of what ${edits.length} ${edits.length === 1 ? 'interval costs' : 'intervals cost'} alone${measured ? '' : '; --measure measures the whole choice'}`,
    );
  } else if (report && edits.length > 0 && !measured) {
    lines.push(
      'predicted output error: n/a, as not every interval was measured alone; --measure measures the whole choice',
    );
  }
  if (!measured) return lines;
  const { damage, facts } = measured;
  const error = damage.outputError === null ? 'n/a, the model overflows' : percent(damage.outputError);
  lines.push(`measured output error: ${error}${damage.bounds ? ` (95 %: ${range(damage.bounds)})` : ''}`);
  if (facts) {
    lines.push(
      `facts held: ${facts.held} of ${facts.total} in ${facts.pictures} held-out captions (95 %: ${range(wilsonInterval(facts.held, facts.total))})`,
    );
  }
  return lines;
}

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

const range = ({ low, high }: { readonly low: number; readonly high: number }): string =>
  `${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)} %`;
