/**
 * What a whole choice costs, in the terminal: at once the sum of what its edits cost alone, where a report says so, and with
 * `--measure` the output error of all of them together, the facts that the model still draws, and the time of a forward pass.
 */
import { basename } from 'node:path';
import type { CalibrationSource, EditSource, ProbeSource, Tasks } from '../lib/compute/protocol.ts';
import { DEFAULT_RIDGE } from '../lib/core/analysis/probe.ts';
import { estimatedError } from '../lib/core/detection/index.ts';
import {
  type EditSet,
  editKey,
  type ModulationEdit,
  mappedRuns,
  modulationEdit,
  sameEdit,
} from '../lib/core/edit/index.ts';
import { ContiguaError } from '../lib/core/errors.ts';
import type { ModelSummary } from '../lib/core/folder/model-summary.ts';
import { type BeforeAfter, planCost, tokensPerSample } from '../lib/core/plan/index.ts';
import { amountWords, type WidthOffer } from '../lib/core/planner/index.ts';
import type { AnalysisReport } from '../lib/core/report/index.ts';
import { isWithinNoise, type Quartiles } from '../lib/core/run/index.ts';
import { COUNTED_PICTURES } from '../lib/core/shapes/index.ts';
import { wilsonInterval } from '../lib/core/wilson-interval.ts';
import { CALIBRATION_DEFAULTS, usage } from './arguments.ts';
import type { FittingFolder } from './fitting-place.ts';
import { linkedFile } from './model-source.ts';
import type { OpenedModel } from './model-worker.ts';
import { percentText } from './percent-text.ts';
import type { ProgressDisplay } from './progress.ts';

export interface MeasuredChoice {
  readonly damage: Pick<Tasks['choice']['result'], 'outputError' | 'bounds'>;
  /** Null for models that cannot draw. */
  readonly facts: Tasks['facts']['result'] | null;
  /** Null where nothing is edited. */
  readonly forward: MeasuredForward | null;
  /** What the error was measured on, where that is not what the report was measured on. */
  readonly on: string | null;
}

export interface MeasuredForward {
  readonly engine: string;
  readonly timing: Tasks['measure']['result'];
  /** Of one sample of the report's inputs; null without a report. */
  readonly flops: BeforeAfter | null;
}

/** What the report was measured on, or what `contigua analyse` would measure on without one. `file` is `--calibration`'s. */
export async function measuredOn(
  report: AnalysisReport | null,
  model: ModelSummary,
  file: string | undefined,
  signal: AbortSignal,
): Promise<ProbeSource> {
  return {
    calibration: await calibrationOf(report, model, file, signal),
    ridge: report?.settings.ridge ?? DEFAULT_RIDGE,
    split: report?.split.rule ?? 'prompt-groups',
    tokens: report?.settings.tokens,
    damageSamples: report?.settings.damageSamples ?? undefined,
  };
}

async function calibrationOf(
  report: AnalysisReport | null,
  { drawable }: ModelSummary,
  file: string | undefined,
  signal: AbortSignal,
): Promise<CalibrationSource> {
  // Another file than the report's is refused when it is read.
  if (file !== undefined) {
    return { kind: 'file', file: await linkedFile(file, signal), digits: report?.calibration.file?.digits ?? null };
  }
  if (!report) return { kind: drawable ? 'shapes' : 'synthetic', ...CALIBRATION_DEFAULTS };
  const { kind, samples, timesteps, seed, label } = report.calibration;
  if (kind !== 'file' && kind !== 'trace')
    return { kind, samples, timesteps: timesteps.length, seed: seed ?? CALIBRATION_DEFAULTS.seed };
  throw new ContiguaError('usage', 'The report was measured on a file, and --measure needs the calibration file', {
    found: label,
    expected: '--calibration FILE',
  });
}

/** What `--measure` can run as the edits of one choice. Throws `usage` for others. */
export function measurableEdits(edits: EditSet): EditSet {
  if (edits.some((edit) => edit.on === 'run' && edit.by === 'student')) {
    throw usage(
      'plan',
      '--measure does not go with students, which are trained first',
      '--by student',
      '--by nothing, --by probes or --by linear',
    );
  }
  const table = edits.find((edit) => edit.on === 'modulation' && 'table' in edit.by);
  if (!table) return edits;
  throw usage(
    'plan',
    '--measure does not run tables of modulations, which take no other timesteps',
    editKey(table),
    'modulations shared by rank, as in m8',
  );
}

export async function measureChoice(
  { client, engine, model }: OpenedModel,
  report: AnalysisReport | null,
  edits: EditSet,
  probes: ProbeSource,
  fitting: FittingFolder,
  signal: AbortSignal,
  { show }: Pick<ProgressDisplay, 'show'>,
): Promise<MeasuredChoice> {
  const measurable = measurableEdits(edits);
  const options = { signal, onProgress: show };
  const { calibration } = probes;
  const on = otherInputs(report, calibration);
  const place = fitsMaps(measurable) ? await fitting.placeFor(client, model, probes, signal) : {};
  const damage = await client.call('choice', { edits: measurable, probes, ...place }, options);
  const untrained = measurable.flatMap((edit): (EditSource | ModulationEdit)[] => {
    if (edit.on !== 'run') return [edit];
    return edit.by === 'student' ? [] : [{ ...edit, by: edit.by }];
  });
  const timing = edits.length === 0 ? null : await client.call('measure', { edits: untrained, probes }, options);
  const forward = timing && { engine: engine.name, timing, flops: report && flopsOf(model, report, edits) };
  if (!model.drawable) return { damage, facts: null, forward, on };
  const facts = await client.call('facts', { edits: untrained, probes, skip: 0, ...COUNTED_PICTURES }, options);
  return { damage, facts, forward, on };
}

function fitsMaps(edits: EditSet): boolean {
  return mappedRuns(edits).length > 0 || edits.some(({ on }) => on === 'text-stream' || on === 'ffn');
}

/** On one sample of the report's calibration, as the forward that is timed; padded tokens are not counted. */
function flopsOf(model: ModelSummary, { calibration }: AnalysisReport, edits: EditSet): BeforeAfter {
  const costed = { ...model, tokensPerForward: tokensPerSample(calibration) };
  return planCost(costed, edits, { steps: 1, forwardsPerStep: 1 }).flopsPerForward;
}

/** What was measured on, in words, where a report does not say it already. */
export function otherInputs(report: AnalysisReport | null, calibration: CalibrationSource): string | null {
  if (calibration.kind === 'file') return calibration.digits ? null : basename(calibration.file.path);
  if (report) return null;
  const { kind, samples, timesteps, seed } = calibration;
  const inputs = kind === 'shapes' ? 'captioned pictures' : 'SYNTHETIC inputs';
  return `${samples} ${inputs} at ${timesteps} noise levels, seed ${seed}`;
}

/** Lines for people. `offers`: errors of edits alone that the report does not hold, as those of shared modulations. */
export function choiceLines(
  report: AnalysisReport | null,
  edits: EditSet,
  measured: MeasuredChoice | null,
  offers: readonly WidthOffer[] = [],
): string[] {
  const estimate = report && edits.length > 0 ? estimateOf(report, edits, offers) : null;
  const lines: string[] = [];
  if (estimate !== null) {
    lines.push(
      `predicted output error: ${percentText(estimate)}, from what ${edits.length} ${edits.length === 1 ? 'edit costs' : 'edits cost'} alone, added in squares${measured ? '' : '; --measure measures the whole choice'}`,
    );
  } else if (report && edits.length > 0 && !measured) {
    lines.push(
      'predicted output error: n/a, as not every edit was measured alone; --measure measures the whole choice',
    );
  }
  if (!measured) return lines;
  const { damage, facts, forward, on } = measured;
  const error = damage.outputError === null ? 'n/a, the model overflows' : percentText(damage.outputError);
  lines.push(
    `measured output error${on === null ? '' : ` on ${on}`}: ${error}${damage.bounds ? ` (95 %: ${range(damage.bounds)})` : ''}`,
  );
  if (facts) {
    lines.push(
      `facts held: ${facts.held} of ${facts.total} in ${facts.pictures} held-out captions (95 %: ${range(wilsonInterval(facts.held, facts.total))})`,
    );
  }
  if (forward) lines.push(forwardLine(forward));
  return lines;
}

/** "forward time on wasm: 36.1 → 29.4 ms, middle halves of 15 runs in turn 35.8–36.9 → 29.1–30.2 ms; 61.2 → 47.9 MFLOP" */
export function forwardLine({ engine, timing, flops }: MeasuredForward): string {
  const { wholeMs, prunedMs, wholeQuartilesMs, prunedQuartilesMs, samples, runs } = timing;
  const ms = (value: number) => (value / samples).toPrecision(3);
  const range = ({ lower, upper }: Quartiles) => `${ms(lower)}–${ms(upper)}`;
  const noise = isWithinNoise(wholeQuartilesMs, prunedQuartilesMs) ? ', within the noise' : '';
  const times = `${ms(wholeMs)} → ${ms(prunedMs)} ms, middle halves of ${runs} runs in turn ${range(wholeQuartilesMs)} → ${range(prunedQuartilesMs)} ms${noise}`;
  const operations = flops ? `; ${amountWords('flops', flops.before)} → ${amountWords('flops', flops.after)}` : '';
  return `forward time on ${engine}: ${times}${operations}`;
}

function estimateOf(report: AnalysisReport, edits: EditSet, offers: readonly WidthOffer[]): number | null {
  const shared = edits.filter((edit) => edit.on === 'modulation');
  const others = estimatedError(
    report,
    edits.filter(({ on }) => on !== 'modulation'),
  );
  const errors = shared.map(({ by }) => offers.find(({ edit }) => sameEdit(edit, modulationEdit(by)))?.outputError);
  return errors.reduce<number | null>(
    (sum, error) => (sum === null || typeof error !== 'number' ? null : Math.hypot(sum, error)),
    others,
  );
}

const range = ({ low, high }: { readonly low: number; readonly high: number }): string =>
  `${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)} %`;
