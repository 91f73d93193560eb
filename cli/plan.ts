/** `contigua plan`: from intervals, or from a report and a budget or a number of blocks, to plan.json and the pruned config. */

import {
  chooseByBudget,
  chooseLeastDamage,
  DEFAULT_DETECTION,
  type DetectionSettings,
  detectIntervals,
  hasRows,
  leastFfns,
  leastScore,
  leastTextGroups,
  problemReason,
  problemWords,
  qualitySentences,
  rankByDamage,
  readingProblem,
  scoreNamed,
  standInWords,
  type UsableScore,
  usableScore,
} from '../lib/core/detection/index.ts';
import {
  type Edit,
  type EditableModel,
  type EditSet,
  editSetOf,
  parseEditParam,
  RUN_REPLACEMENTS,
  type RunReplacement,
  runEdits,
  runSetOf,
  runsOf,
  type WidthEdit,
} from '../lib/core/edit/index.ts';
import { ContiguaError } from '../lib/core/errors.ts';
import { editedConfigText, layerIndexString } from '../lib/core/export/index.ts';
import { assertWeights } from '../lib/core/folder/config-alone.ts';
import type { ModelSummary } from '../lib/core/folder/model-summary.ts';
import {
  type Depth,
  type IntervalSet,
  intervalSetOf,
  parseLayerIndex,
  removedCount,
} from '../lib/core/interval/index.ts';
import { MAX_JSON_BYTES } from '../lib/core/json-text.ts';
import { editableModel, parseModelConfig } from '../lib/core/model/config-index.ts';
import { assertReportFits, buildPlan, formatPlan } from '../lib/core/plan/index.ts';
import { widthOffers } from '../lib/core/planner/index.ts';
import { type AnalysisReport, parseReport, type Rows } from '../lib/core/report/index.ts';
import { type Arguments, ENGINE_OPTION, ENGINES, parseArguments, ROWS, usage } from './arguments.ts';
import type { CommandContext } from './command.ts';
import { fittingFolder, PLACE_OPTIONS } from './fitting-place.ts';
import { foundWords } from './found-words.ts';
import { readMeasuredPlans } from './measured-plans.ts';
import { SOURCE_OPTIONS } from './model-source.ts';
import { HEADERS_ONLY, withModel } from './model-worker.ts';
import { blocksLine, narrowLines } from './narrow-lines.ts';
import { assertWritable, tell, writeFileWhole, writeText } from './output.ts';
import { allowsKind, BUDGET_OPTIONS, budgetChooser, refuseBeforeMeasuring } from './plan-budget.ts';
import { refuseConflicts } from './plan-conflicts.ts';
import {
  fitErrorsOf,
  foundModulations,
  MODULATION_OPTION,
  modulationLines,
  modulationRequest,
  offerModulations,
  ranksOf,
  refuseOtherModulations,
} from './plan-modulation.ts';
import { progressOn } from './progress.ts';
import { readText } from './read-text.ts';
import { choiceLines, measurableEdits, measureChoice, measuredOn } from './whole-choice.ts';

const CHOICES = ['detected', 'least-damage'] as const;
/** Words of version 1, for scripts that have them. */
const EARLIER: readonly ('removed' | 'probes')[] = ['removed', 'probes'];

export async function plan(argv: readonly string[], { signal }: CommandContext): Promise<void> {
  const args = parseArguments('plan', argv, {
    intervals: { type: 'string' },
    report: { type: 'string' },
    remove: { type: 'string' },
    choice: { type: 'string' },
    rows: { type: 'string' },
    by: { type: 'string' },
    replacement: { type: 'string' },
    out: { type: 'string' },
    'config-out': { type: 'string' },
    measure: { type: 'boolean' },
    calibration: { type: 'string' },
    ...MODULATION_OPTION,
    text: { type: 'string' },
    ffn: { type: 'string' },
    ...BUDGET_OPTIONS,
    ...PLACE_OPTIONS,
    ...ENGINE_OPTION,
    ...SOURCE_OPTIONS,
  });
  refuseConflicts(args);
  const rows = args.text('rows') === undefined ? null : args.oneOf('rows', ROWS, DEFAULT_DETECTION.rows);
  const by = replacementOf(args);
  const chooseByBudget = budgetChooser(args, by);
  const asked = modulationRequest(args);
  // `m8` among what is chosen already: a budget has to know what it does to the output.
  const offersModulations =
    allowsKind(args, 'modulation') || (chooseByBudget !== null && /m\d/.test(args.text('intervals') ?? ''));
  const narrower = narrowerBy(args);
  const choose = chooser(args, by, chooseByBudget !== null || asked !== null || narrower !== null);
  const measure = args.flag('measure');
  const calibration = args.text('calibration');
  if (calibration !== undefined && !measure && !offersModulations) {
    throw usage('plan', '--calibration is for --measure, or for --allow modulation');
  }
  const placed = Object.keys(PLACE_OPTIONS).find((name) => args.text(name) !== undefined);
  if (placed !== undefined && !measure) throw usage('plan', `--${placed} is for --measure`);
  const engine = args.oneOf('engine', ENGINES, measure || asked || offersModulations ? 'auto' : HEADERS_ONLY);
  const out = args.text('out');
  const configOut = args.text('config-out');
  for (const path of [out, configOut]) if (path !== undefined) await assertWritable(path);
  const reportPath = args.text('report');
  const report =
    reportPath === undefined ? null : parseReport(await readText(reportPath, MAX_JSON_BYTES.report), reportPath);

  const known = await readMeasuredPlans(args);

  const fitting = fittingFolder('plan', args);
  const display = progressOn(process.stderr);
  const { model, detection, edits, budgeted, offered, shared, measured } = await withModel(
    args,
    engine,
    signal,
    async (opened) => {
      const { client, model } = opened;
      if (report !== null) assertWeights(model, 'A report');
      if (measure || asked) assertWeights(model, measure ? '--measure' : '--modulation');
      if (report !== null) assertReportFits(report, model, reportPath);
      const detection = readingOf(report, rows, reportPath);
      const typed = choose(model, report, detection);
      const chosen = narrower ? narrower(model, report, typed) : typed;
      if (asked) refuseOtherModulations(chosen);
      if (offersModulations && report && chooseByBudget)
        refuseBeforeMeasuring(args, chooseByBudget, model, report, detection, chosen, known);
      if (measure) measurableEdits(chosen);
      const inputs = measure || offersModulations ? await measuredOn(report, model, calibration, signal) : null;
      const offered =
        offersModulations && inputs && report
          ? await offerModulations(client, model, report, inputs.calibration, signal, display)
          : null;
      const offersAt = (ranks: readonly number[]) =>
        report ? [...widthOffers(report), ...(offered?.offersAt(ranks) ?? [])] : [];
      const offers = offersAt(ranksOf(chosen));
      const beside = { offers, measured: known, known: offersAt(known.flatMap(({ plan }) => ranksOf(plan.edits))) };
      const budgeted = chooseByBudget && report ? chooseByBudget(model, report, detection, chosen, beside) : null;
      const shared =
        asked && !budgeted?.front
          ? await foundModulations(client, asked, budgeted?.edits ?? chosen, signal, display)
          : null;
      const { edits } = shared ?? budgeted ?? { edits: chosen };
      const measured =
        measure && inputs ? await measureChoice(opened, report, edits, inputs, fitting, signal, display) : null;
      return { model, detection, edits, budgeted, offered, shared: shared?.found ?? null, measured };
    },
  ).finally(async () => {
    display.end();
    await fitting.remove();
  });
  if (budgeted?.front) {
    await writeText(undefined, budgeted.front);
    for (const line of budgeted.lines) tell(line);
    return;
  }
  const fitErrors = shared ? fitErrorsOf(shared) : offered?.fitErrorsOf(edits);
  const built = buildPlan({ model, report, edits, detection, measured, ...(fitErrors ? { fitErrors } : {}) });
  // Before anything is written: not every plan has a config.
  const config = configOut === undefined ? '' : editedConfigText(model, edits);
  await writeText(out, formatPlan(built));
  if (configOut !== undefined) {
    await writeFileWhole(configOut, config);
    tell(`wrote ${configOut}`);
  }
  tell(blocksLine(built));
  const problem = report && readingProblem(report, detection);
  if (problem) tell(problemWords(problem, report));
  const runs = runsOf(edits);
  const found = foundWords(report, detection, runs);
  if (found) tell(found);
  for (const line of [...(budgeted?.lines ?? []), ...(offered ? [offered.line] : [])]) tell(line);
  if (model.costNote) tell(model.costNote);
  if (model.configAlone) tell(COUNTED_ALONE);
  if (report && args.text('remove') !== undefined) {
    for (const line of rankingLines(scoreOf(choiceOf(args), report, model, detection))) tell(line);
  }
  for (const line of narrowLines(built, measured !== null || budgeted !== null || model.configAlone === true))
    tell(line);
  for (const line of shared ? modulationLines(shared, model) : []) tell(line);
  for (const line of choiceLines(report, edits, measured, offered?.offersAt(ranksOf(edits)))) tell(line);
  tell(`layer_index of the PPCL trainer: ${layerIndexString(runs)}`);
}

const COUNTED_ALONE =
  'Counted from config.json alone. What the edits do to the output is not known without the weights, for which the plan has to be made again.';

type Choose = (model: ModelSummary, report: AnalysisReport | null, detection: DetectionSettings) => EditSet;

/**
 * The default reading over the rows that were asked for. Reports of earlier versions have similarities over all tokens
 * alone: these are read where no rows were asked for, and the terminal says so.
 */
function readingOf(report: AnalysisReport | null, asked: Rows | null, file: string | undefined): DetectionSettings {
  const detection = { ...DEFAULT_DETECTION, rows: asked ?? DEFAULT_DETECTION.rows };
  if (report === null || hasRows(report, detection)) return detection;
  if (asked === null && hasRows(report, { ...detection, rows: 'all' })) {
    tell('The report has no similarities over held-out tokens: those over all tokens are read (--rows all).');
    return { ...detection, rows: 'all' };
  }
  throw new ContiguaError('plan-invalid', `The report has no similarities over ${detection.rows} tokens`, {
    file,
    found: `a report whose samples were split by ${report.split.rule}`,
    hint: 'Leave --rows out, or analyse the model again.',
  });
}

/** What stands in for every chosen run of blocks that does not say so itself. */
function replacementOf(args: Arguments): RunReplacement {
  if (args.text('replacement') === undefined) return args.oneOf('by', RUN_REPLACEMENTS, 'nothing');
  if (args.text('by') !== undefined) throw usage('plan', '--by and --replacement say the same: give one of them');
  const word = args.oneOf('replacement', EARLIER, 'removed');
  return word === 'removed' ? 'nothing' : word;
}

/** With a budget, `--intervals` are what every plan has. */
function chooser(args: Arguments, by: RunReplacement, needsNone: boolean): Choose {
  const text = args.text('intervals');
  const removes = args.text('remove') !== undefined;
  if (args.text('budget') !== undefined && removes) throw usage('plan', '--budget and --remove exclude each other');
  if (text !== undefined && removes) throw usage('plan', '--intervals and --remove exclude each other');
  if (text === undefined && !removes && !needsNone) {
    throw usage('plan', '--intervals, --remove, --budget, --modulation, --text or --ffn is needed');
  }
  if (needsNone && text === undefined && !removes) return () => [];
  if (text !== undefined) return (model) => typedEdits(text, by, model);
  if (args.text('report') === undefined) throw usage('plan', '--remove needs the --report that it chooses from');
  const count = args.number('remove', 0, { min: 1, max: Number.POSITIVE_INFINITY, whole: true });
  const choice = choiceOf(args);
  return (model, report, detection) =>
    runEdits((choice === 'detected' ? chooseFrom : leastDamageOf)(report, count, model, detection), by);
}

const choiceOf = (args: Arguments): (typeof CHOICES)[number] => args.oneOf('choice', CHOICES, 'detected');

/** What a choice ranks by: the default score, or what stands in for it. */
function scoreOf(
  choice: (typeof CHOICES)[number],
  report: AnalysisReport,
  depth: Depth,
  detection: DetectionSettings,
): UsableScore {
  return choice === 'least-damage'
    ? leastScore(report, depth, detection)
    : usableScore(report, detectIntervals(report, detection), undefined, detection);
}

/** What was measured of the score that ranked, and what would let another rank. */
function rankingLines(usable: UsableScore): string[] {
  const standIn = standInWords(usable);
  const wanted = usable.standsInFor && scoreNamed(usable.standsInFor.score).needs;
  const hint = `\`contigua analyse --ablation ${wanted === 'linear' ? 'linear' : 'intervals'}\` measures them.`;
  return [...(standIn ? [`${standIn} ${hint}`] : []), ...qualitySentences(usable.score)];
}

type Narrower = (model: ModelSummary, report: AnalysisReport | null, chosen: EditSet) => EditSet;

/** The edits of least damage that go with those that are chosen already. */
function narrowerBy(args: Arguments): Narrower | null {
  const [texts, ffns] = (['text', 'ffn'] as const).map((name) =>
    args.text(name) === undefined ? null : args.number(name, 0, { min: 1, max: Number.POSITIVE_INFINITY, whole: true }),
  );
  if (!texts && !ffns) return null;
  if (args.text('report') === undefined)
    throw usage('plan', '--text and --ffn need the --report that they choose from');
  return (model, report, chosen) => {
    const editable = editableModel(parseModelConfig(JSON.stringify(model.config), 'config.json'));
    const fits = (edit: WidthEdit) => !clashes([...chosen, edit], editable);
    const measured = (report?.width ?? []).filter(({ edit }) => fits(edit));
    const groups = texts ? leastTextGroups(measured, texts) : [];
    const withGroups = [...chosen, ...groups];
    const left = measured.filter(({ edit }) => edit.on === 'ffn' && !clashes([...withGroups, edit], editable));
    const layers = ffns ? leastFfns(left, ffns) : [];
    const blocks = new Set(layers.map(({ block }) => block)).size;
    assertEnough('text', texts, groups.length);
    assertEnough('ffn', ffns, blocks);
    return editSetOf([...withGroups, ...layers], editable, '--report');
  };
}

function assertEnough(option: string, asked: number | null | undefined, found: number): void {
  if (!asked || found === asked) return;
  throw new ContiguaError('plan-invalid', 'The report has not measured that many edits that go with the others', {
    found: `--${option} ${asked}`,
    expected: `at most ${found}`,
    hint: `\`contigua analyse --width ${option}\` measures them.`,
  });
}

function clashes(edits: readonly Edit[], model: EditableModel): boolean {
  try {
    editSetOf(edits, model, 'the edits');
    return false;
  } catch (thrown) {
    if (thrown instanceof ContiguaError) return true;
    throw thrown;
  }
}

/** `[[3,4],[7,9]]`, or `3-4.7-9p.t13-14` as in addresses. What is wrong with them is the command line's fault, not the model's. */
function typedEdits(text: string, by: RunReplacement, model: ModelSummary): EditSet {
  try {
    if (/^\s*\[/.test(text))
      return runSetOf(runEdits(parseLayerIndex(text, model, '--intervals'), by), model, '--intervals');
    const config = parseModelConfig(JSON.stringify(model.config), 'config.json');
    return parseEditParam(text.trim(), by, editableModel(config), '--intervals');
  } catch (thrown) {
    if (thrown instanceof ContiguaError) throw new ContiguaError('usage', thrown.summary, thrown.details);
    throw thrown;
  }
}

/** Of all intervals, detected or not. */
function leastDamageOf(
  report: AnalysisReport | null,
  count: number,
  depth: Depth,
  detection: DetectionSettings,
): IntervalSet {
  if (!report) return [];
  const { score } = scoreOf('least-damage', report, depth, detection);
  const chosen = chooseLeastDamage(report, depth, count, score, detection);
  if (removedCount(chosen) === count) return chosen;
  throw new ContiguaError('plan-invalid', 'That many blocks cannot be removed', {
    found: `--remove ${count}`,
    expected: `at most ${removedCount(chosen)}`,
  });
}

function chooseFrom(
  report: AnalysisReport | null,
  count: number,
  depth: Depth,
  detection: DetectionSettings,
): IntervalSet {
  if (!report) return [];
  const detected = detectIntervals(report, detection);
  const problem = readingProblem(report, detection);
  if (problem) {
    throw new ContiguaError('plan-invalid', 'No intervals are detected', {
      found: problemReason(problem, report).replace(/\.$/, ''),
      expected: 'tokens enough to tell where runs break',
      hint: 'Analyse the model again on more samples, read all tokens with --rows all, or choose by hand with --intervals.',
    });
  }
  const chosen = intervalSetOf(
    chooseByBudget(
      rankByDamage(report, detected, scoreOf('detected', report, depth, detection).score, detection),
      count,
    ),
    depth,
    '--remove',
  );
  const possible = removedCount(intervalSetOf(detected, depth, '--report'));
  if (removedCount(chosen) === count) return chosen;
  throw new ContiguaError('plan-invalid', 'The detected intervals do not contain that many blocks', {
    found: `--remove ${count}`,
    expected: `at most ${possible}`,
    hint: 'Remove fewer, choose with --choice least-damage, or by hand with --intervals.',
  });
}
