import type { AnalysisPartial, CalibrationSource, Progress } from '../lib/compute/protocol.ts';
import {
  DEFAULT_DETECTION,
  detectIntervals,
  problemWords,
  readingProblem,
  scoreCorrelations,
  splitTable,
  splitWords,
} from '../lib/core/detection/index.ts';
import type { ModelSummary } from '../lib/core/folder/model-summary.ts';
import { type AnalysisReport, CALIBRATION_BOUNDS } from '../lib/core/report/index.ts';
import { ablationsAskedFor, withAblations } from './analyse-ablation.ts';
import { estimated, estimatedTrace, STREAMING_OPTIONS, sampledWords, streamingRequest } from './analyse-limits.ts';
import { widthLines, widthsAskedFor, withWidth } from './analyse-width.ts';
import {
  type Arguments,
  CALIBRATION_DEFAULTS,
  ENGINE_OPTION,
  ENGINES,
  type Options,
  onlyOne,
  parseOptions,
  usage,
} from './arguments.ts';
import type { CommandContext } from './command.ts';
import { foundWords } from './found-words.ts';
import { linkedFile, SOURCE_OPTIONS } from './model-source.ts';
import { withModel } from './model-worker.ts';
import { assertWritable, tell, writeText } from './output.ts';
import { percentText } from './percent-text.ts';
import { type ProgressDisplay, progressOn } from './progress.ts';

const MADE_INPUTS = ['samples', 'timesteps', 'seed'] as const;

export async function analyse(argv: readonly string[], { signal }: CommandContext): Promise<void> {
  const { positionals, ...options } = parseOptions('analyse', argv, {
    trace: { type: 'string' },
    calibration: { type: 'string' },
    samples: { type: 'string' },
    timesteps: { type: 'string' },
    seed: { type: 'string' },
    split: { type: 'boolean' },
    ablation: { type: 'string' },
    width: { type: 'string' },
    out: { type: 'string' },
    ...STREAMING_OPTIONS,
    ...ENGINE_OPTION,
    ...SOURCE_OPTIONS,
  });
  const trace = options.text('trace');
  if (trace !== undefined && positionals.length > 0) {
    throw usage('analyse', '--trace takes the place of MODEL', positionals.join(' '), 'one of both');
  }
  const args = { model: trace ?? onlyOne('analyse', 'MODEL', positionals), ...options };
  const requestFor = calibrationRequest(args, signal);
  const engine = args.oneOf('engine', ENGINES, 'auto');
  const ablations = ablationsAskedFor(args);
  const widths = widthsAskedFor(args);
  const streaming = streamingRequest(args);
  const out = args.text('out');
  if (out !== undefined) await assertWritable(out);
  const display = progressOn(process.stderr);
  const report = await withModel(args, engine, signal, async ({ client, model }) => {
    if (model.trace) {
      refuseWithoutWeights(args);
      const { states, tokens } = streaming.request;
      const limits = await estimatedTrace(client, model, streaming, signal);
      if (streaming.estimateOnly) return null;
      return await client.call('analyseTrace', { states, tokens, limits }, { signal, onProgress: display.show });
    }
    const calibration = await requestFor(model);
    if (calibration.kind === 'synthetic') {
      tell('calibration: SYNTHETIC inputs. They test that the analysis runs; real pictures give other results.');
    }
    const request = { calibration, ...streaming.request };
    const limits = await estimated(client, model, request, streaming, signal, ablations);
    if (streaming.estimateOnly) return null;
    const measured = await client.call('analyse', { ...request, limits }, { signal, onProgress: withDamage(display) });
    const options = { signal, onProgress: display.show };
    const ablated = await withAblations(client, measured, calibration, ablations, limits, options);
    return await withWidth(client, model, ablated, calibration, widths, { states: request.states, limits }, options);
  }).finally(display.end);
  if (!report) return;
  tell(`calibration: ${report.calibration.label}`);
  const sampled = sampledWords(report);
  if (sampled) tell(sampled);
  if (report.calibration.kind === 'trace') {
    tell('A trace holds no weights: no damage was measured, and no block was timed.');
  }
  tell(splitWords(report.split));
  if (args.flag('split')) for (const line of splitTable(report.split)) tell(line);
  const problem = readingProblem(report, DEFAULT_DETECTION);
  if (problem) tell(problemWords(problem, report));
  const found = foundWords(report, DEFAULT_DETECTION, detectIntervals(report, DEFAULT_DETECTION));
  if (found) tell(found);
  for (const line of correlationLines(report)) tell(line);
  for (const line of widthLines(report)) tell(line);
  await writeText(out, `${JSON.stringify(report)}\n`);
}

/** Also tells of each interval as soon as it is measured. */
function withDamage(display: ProgressDisplay): (progress: Progress<AnalysisPartial>) => void {
  return (progress) => {
    display.show(progress);
    const { partial } = progress;
    if (partial?.kind !== 'damage') return;
    const { first, last, by } = partial.edit;
    const error =
      partial.outputError === null ? 'the output overflows' : `${percentText(partial.outputError)} output error`;
    display.end();
    tell(`damage of [${first}, ${last}]: ${error}, ${DONE_WITH[by] ?? by}`);
  };
}

const DONE_WITH: Readonly<Record<string, string>> = { nothing: 'taken out', probes: 'with probes in its place' };

/** A trace brings its own samples, and weights are what an ablation takes out. */
function refuseWithoutWeights(args: Options): void {
  for (const name of [...MADE_INPUTS, 'calibration']) {
    if (args.text(name) !== undefined)
      throw usage('analyse', `--${name} does not go with a trace, which brings its own samples`);
  }
  for (const name of ['ablation', 'width', 'damage-samples', 'damage-intervals']) {
    if (args.text(name) !== undefined) {
      throw usage('analyse', `--${name} needs the weights of the model, and a trace holds none`);
    }
  }
}

/** How well each score orders the intervals that were measured, the best first. */
function correlationLines(report: AnalysisReport): string[] {
  const found = scoreCorrelations(report)
    .flatMap(({ score, correlation }) => (correlation ? [{ score, ...correlation }] : []))
    .sort((a, b) => b.rho - a.rho);
  if (found.length === 0) return [];
  return [
    'rank correlation with measured ablation (Spearman; 95 % bootstrap over intervals; n intervals):',
    ...found.map(({ score, rho, bounds, n }) => {
      const range = bounds ? ` (${bounds.low.toFixed(2)} to ${bounds.high.toFixed(2)})` : '';
      return `  ${score.label}: ${rho.toFixed(2)}${range}, n = ${n}${score.kind === 'proxy' ? ', a cheap proxy' : ''}`;
    }),
  ];
}

/** Checked before the model is opened, so that a wrong command line fails at once. */
export function calibrationRequest(
  args: Arguments,
  signal: AbortSignal,
  command = 'analyse',
): (model: ModelSummary) => CalibrationSource | Promise<CalibrationSource> {
  const file = args.text('calibration');
  if (file !== undefined) {
    const surplus = MADE_INPUTS.filter((name) => args.text(name) !== undefined);
    if (surplus.length > 0) {
      throw usage(command, `--${surplus[0]} does not go with --calibration, which brings its own samples`);
    }
    return async () => ({ kind: 'file', file: await linkedFile(file, signal) });
  }
  const samples = args.number('samples', CALIBRATION_DEFAULTS.samples, CALIBRATION_BOUNDS.samples);
  const timesteps = args.number(
    'timesteps',
    Math.min(CALIBRATION_DEFAULTS.timesteps, samples),
    CALIBRATION_BOUNDS.timesteps,
  );
  const seed = args.number('seed', CALIBRATION_DEFAULTS.seed, CALIBRATION_BOUNDS.seed);
  if (timesteps > samples) throw usage(command, 'There are fewer samples than time steps');
  return ({ drawable }) => ({ kind: drawable ? 'shapes' : 'synthetic', samples, timesteps, seed });
}
