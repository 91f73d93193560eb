/** `contigua analyse --width`: what linear maps in the place of text groups and of feed-forward layers would cost, one by one. */
import type { WorkerClient } from '../lib/compute/client.ts';
import type { CalibrationSource, Progress, Tasks } from '../lib/compute/protocol.ts';
import {
  rankCorrelation,
  rankWidth,
  WIDTH_CANDIDATES,
  type WidthCandidates,
  whyNoCandidates,
  widthCandidates,
} from '../lib/core/detection/index.ts';
import { editKey, type FfnEdit, sameEdit, type TextStreamEdit } from '../lib/core/edit/index.ts';
import type { ModelSummary } from '../lib/core/folder/model-summary.ts';
import { parseModelConfig } from '../lib/core/model/config-index.ts';
import {
  type AnalysisReport,
  type PartDamage,
  partDamageOf,
  type WidthDamage,
  widthDamageOf,
} from '../lib/core/report/index.ts';
import { type Options, usage } from './arguments.ts';
import { tell } from './output.ts';
import { percentText } from './percent-text.ts';

/** "text,ffn": any of them, with commas. */
export function widthsAskedFor(args: Options): readonly WidthCandidates[] {
  const asked = args.text('width')?.split(',') ?? [];
  return asked.map((word) => {
    const found = WIDTH_CANDIDATES.find((name) => name === word.trim());
    if (found) return found;
    throw usage('analyse', '--width does not fit', word, `${WIDTH_CANDIDATES.join(', ')}, or several with commas`);
  });
}

const WHY_NONE: Readonly<Record<WidthCandidates, string>> = {
  text: 'The rule detects no text group; text-all measures every short one.',
  'text-all': 'No two blocks in a row can hold their text back.',
  ffn: 'No block has feed-forward layers that a map could replace.',
};

/** The report with every candidate that it does not have yet. What the model's structure does not allow is told with the reason. */
export async function withWidth(
  client: Pick<WorkerClient, 'call'>,
  model: ModelSummary,
  report: AnalysisReport,
  calibration: CalibrationSource,
  asked: readonly WidthCandidates[],
  room: Pick<Tasks['width']['input'], 'states' | 'limits'>,
  options: { readonly signal: AbortSignal; readonly onProgress: (progress: Progress) => void },
): Promise<AnalysisReport> {
  const config = parseModelConfig(JSON.stringify(model.config), 'config.json');
  const { ridge, tokens, damageSamples } = report.settings;
  const probes = { calibration, ridge, split: report.split.rule, tokens, damageSamples: damageSamples ?? undefined };
  const edits: (TextStreamEdit | FfnEdit)[] = [];
  for (const which of asked) {
    const why = whyNoCandidates(which, config);
    const candidates = widthCandidates(which, report, config);
    if (why !== null) tell(`--width ${which}: n/a. ${why}`);
    else if (candidates.length === 0) tell(`--width ${which}: nothing to measure. ${WHY_NONE[which]}`);
    for (const edit of candidates) {
      if (!widthDamageOf(report, edit) && !edits.some((other) => sameEdit(other, edit))) edits.push(edit);
    }
  }
  if (edits.length === 0) return report;
  // All in one call: a call that ends removes what it kept for one that goes on after an interruption.
  const found = await client.call('width', { edits, probes, ...room }, options);
  return { ...report, width: [...(report.width ?? []), ...found] };
}

/** The least damage first, with what taking layers out costs as far as that was measured, and how well each puts them in this order. */
export function widthLines({ width = [], parts }: Pick<AnalysisReport, 'width' | 'parts'>): string[] {
  return (['text-stream', 'ffn'] as const).flatMap((on) => {
    const ranked = rankWidth(width.filter(({ edit }) => edit.on === on));
    if (ranked.length === 0) return [];
    const title = on === 'ffn' ? 'feed-forward layers as linear maps' : 'text groups';
    const columns = [
      'output error with the edit alone',
      'held-out error of the fit',
      'as a share of the change',
      ...(ranked.some((one) => takenOut(one, parts)) ? ['output error with all of the block taken out'] : []),
    ];
    return [
      `${title}, least damage first: ${columns.join('; ')}`,
      ...ranked.map((one) => lineOf(one, parts)),
      ...correlationLines(ranked, parts),
    ];
  });
}

function lineOf(one: WidthDamage, parts: AnalysisReport['parts']): string {
  const { edit, outputError, bounds, fitError, changeError } = one;
  const range = bounds ? ` (${percentText(bounds.low)} to ${percentText(bounds.high)})` : '';
  const part = takenOut(one, parts);
  const columns = [
    `${percentText(outputError)}${range}`,
    percentText(fitError),
    percentText(changeError),
    ...(part ? [percentText(part.outputError)] : []),
  ];
  return `  ${editKey(edit)}: ${columns.join('; ')}`;
}

/** All feed-forward layers of the edit's block left out. */
function takenOut({ edit }: WidthDamage, parts: AnalysisReport['parts']): PartDamage | undefined {
  return edit.on === 'ffn' ? partDamageOf({ parts }, edit.block, 'ffn') : undefined;
}

function correlationLines(ranked: readonly WidthDamage[], parts: AnalysisReport['parts']): string[] {
  const damage = ranked.map(({ outputError }) => outputError);
  const ablation = ranked.map((one) => takenOut(one, parts)?.outputError ?? null);
  const scores: readonly (readonly [string, readonly (number | null)[]])[] = [
    ['held-out error of the fit', ranked.map(({ fitError }) => fitError)],
    ['share of the change', ranked.map(({ changeError }) => changeError)],
    ['ablation of the feed-forward layers', ablation],
  ];
  return scores.flatMap(([label, values]) => {
    const found = rankCorrelation(values, damage);
    if (!found) return [];
    const { rho, n, bounds } = found;
    const range = bounds ? ` (${bounds.low.toFixed(2)} to ${bounds.high.toFixed(2)})` : '';
    return [`  rank correlation with the output error, ${label}: ${rho.toFixed(2)}${range}, n = ${n}`];
  });
}
