/**
 * What happens across owners: the page's start, another engine, another model. Each store keeps its own state; this
 * file only orders the steps, so that a reader finds every "and then" of the page in one place.
 */

import type { ModelSource } from '@/lib/compute/protocol.ts';
import { type EditSet, NO_EDITS, parseEditParam } from '@/lib/core/edit/index.ts';
import { ContiguaError } from '@/lib/core/errors.ts';
import type { ModelSummary } from '@/lib/core/folder/model-summary.ts';
import { editableFrom } from '@/lib/core/model/config-index.ts';
import { parseBlockList } from '@/lib/core/planner/index.ts';
import type { WantedEngine } from '@/lib/core/tensor/engine.ts';
import { settle, showError, showPassing, showWarning } from '../browser/notices.ts';
import { followAddress, openingLink } from './address.ts';
import { analyse, clearAnalysis, estimateAnalysis } from './analysis.ts';
import { type CalibrationChoice, calibrationStore, calibrationText } from './calibration.ts';
import { clearChoiceQuality, forgetFailures } from './choice-quality.ts';
import { ask, busyStore, isAnalysing, restartWorker } from './compute.ts';
import { type PageReplacement, pageEdits } from './edits.ts';
import { engineStore, startEngine, verifyEngine, watchEngine } from './engine.ts';
import { restoreAnalysis, type WantedAnalysis } from './keeping.ts';
import { keepChoices, restoreChoices } from './kept-choices.ts';
import { stopMeasurements } from './measurements.ts';
import { modelStore, openModel } from './model.ts';
import { clearModulations } from './modulations.ts';
import { watchOthers } from './others.ts';
import { loadPlanFigures } from './plan-figures-store.ts';
import { plannerStore } from './planner.ts';
import { clearPreview } from './preview.ts';
import { measureWhenIdle } from './quiet-measurements.ts';
import { watchCalibrationFile } from './report-file.ts';
import { linkedSample, sampleSource } from './samples.ts';
import { beginSelection } from './selection.ts';
import { settingsStore, withKnownStream } from './settings.ts';
import { traceChoice } from './traces.ts';
import { type LinkedPlans, linkFits } from './url-state.ts';

let started = false;
/** What the address asks for, waiting for its model; a link for another model keeps waiting until that one is opened. */
let waiting: LinkedWishes | null = null;

interface LinkedWishes {
  readonly model: string | null;
  readonly cut: string;
  /** What replaces the runs of `cut` that say nothing of their own. */
  readonly replaceBy: PageReplacement;
  readonly plans: LinkedPlans;
  readonly analysis: WantedAnalysis;
}

/** Once per page: engine, then the sample model with what the address asks for, then the check of the engine. */
export async function startSession(): Promise<void> {
  if (started) return;
  started = true;
  const link = openingLink();
  const { model, cut, plans, statesInputs } = link;
  // Version 1 left the default inputs out of its addresses; one without a model was written by nobody.
  const inputs = statesInputs || model !== null ? calibrationText(link.calibration) : null;
  waiting = { model, cut, replaceBy: link.settings.replaceBy, plans, analysis: { inputs, orNewest: !statesInputs } };
  watchEngine(() => void restartEngine());
  watchCalibrationFile();
  watchOthers();
  keepChoices();
  measureWhenIdle();
  followAddress();
  void loadPlanFigures();
  if (!(await startEngine('auto'))) return;
  await switchModel(sampleSource(linkedSample(model)));
  await verifyEngine();
}

/** The worker takes one thing after another: a model asked for during an analysis would wait unseen and then wipe it. */
export function canSwitchModel(): boolean {
  return modelStore.getState().opening === null && !isAnalysing(busyStore.getState());
}

/** Opens another model. If it is refused, the open one stays with everything on the page; only measurements under way end before. */
export async function switchModel(source: ModelSource): Promise<boolean> {
  stopMeasurements();
  const before = modelStore.getState().summary;
  let begun: Promise<WantedAnalysis> | null = null;
  const summary = await openModel(source, (opened) => {
    if (opened.fingerprint !== before?.fingerprint) begun = beginModel(opened, before);
  });
  if (!summary) return false;
  if (begun) {
    const wanted = await begun;
    // First, so that nothing is measured again that is known.
    await restoreChoices(summary);
    await restoreAnalysis(summary.fingerprint, wanted);
  }
  return true;
}

/** Everything of the model before goes at once; the calibration file, which is read for that, may follow. */
async function beginModel(summary: ModelSummary, before: ModelSummary | null): Promise<WantedAnalysis> {
  clearAnalysis();
  clearPreview();
  clearChoiceQuality();
  clearModulations();
  settingsStore.setState(({ startBlock, detection }) => ({
    startBlock: Math.min(startBlock, summary.numBlocks - 1),
    detection: withKnownStream(detection, summary.streams),
  }));
  const linked = waiting && linkFits(waiting.model, summary.fingerprint) ? waiting.analysis : null;
  const link = claimedLink(summary);
  beginSelection(editableFrom(summary.narrower, summary), linkedChoice(summary, link));
  beginPlans(summary, link);
  await fitCalibration(summary, before);
  return wantedAnalysis(linked);
}

/** Measures what an analysis would take. */
export async function startEstimate(choice: CalibrationChoice): Promise<void> {
  stopMeasurements();
  await estimateAnalysis(choice);
}

/** Analyses the open model. What was measured stays; the rest would keep the analysis waiting. */
export async function startAnalysis(choice: CalibrationChoice): Promise<void> {
  stopMeasurements();
  await analyse(choice);
}

/** Another engine in the same worker; the model is opened again on it, reports stay. */
export async function switchEngine(wanted: WantedEngine): Promise<void> {
  stopMeasurements();
  if (!(await startEngine(wanted))) return;
  forgetFailures();
  if (await reopenModel()) await verifyEngine();
}

/** Runs the check of the engine, whatever an earlier visit kept. What the page measures by itself would keep it waiting. */
export async function checkAgain(): Promise<void> {
  stopMeasurements();
  await verifyEngine({ again: true });
}

/** After a crash or a lost device: a fresh worker, the engine that was wanted, the model that was open. */
export async function restartEngine(): Promise<void> {
  restartWorker();
  if (!(await startEngine(engineStore.getState().wanted))) return;
  forgetFailures();
  const opened = modelStore.getState().summary ? await reopenModel() : await switchModel(sampleSource());
  // What went wrong with it may have been its device.
  if (opened) await verifyEngine({ again: true });
}

async function reopenModel(): Promise<boolean> {
  const { source } = modelStore.getState();
  if (!source) return false;
  try {
    await ask('openModel', { source });
    settle('model');
    return true;
  } catch (thrown) {
    showError('model', thrown);
    return false;
  }
}

/** A model opened by hand comes with its newest analysis, unless a calibration file waits for it. */
function wantedAnalysis(linked: WantedAnalysis | null): WantedAnalysis {
  const choice = calibrationStore.getState();
  if (choice.file) return { inputs: calibrationText(choice), orNewest: false };
  return linked ?? { inputs: null, orNewest: true };
}

/** What the address asks for, if it is of this model; it is read once. */
function claimedLink(summary: ModelSummary): LinkedWishes | null {
  if (!waiting) return null;
  const link = waiting;
  const { model } = link;
  if (!linkFits(model, summary.fingerprint)) {
    showWarning('link', 'This link was made for another model', {
      hint: `It names the model sha256:${model}…; open is ${summary.name} (${summary.fingerprint.slice(0, 19)}…). Open that model's folder and its choice of blocks appears.`,
    });
    return null;
  }
  settle('link');
  waiting = null;
  return link;
}

function linkedChoice(summary: ModelSummary, link: LinkedWishes | null): EditSet {
  if (!link) return NO_EDITS;
  try {
    return pageEdits(parseEditParam(link.cut, link.replaceBy, editableFrom(summary.narrower, summary), 'link'));
  } catch (thrown) {
    showError('link', thrown);
    return NO_EDITS;
  }
}

/** Rules for blocks are of one model; the budget stays when another one is opened. */
function beginPlans(summary: ModelSummary, link: LinkedWishes | null): void {
  plannerStore.setState({ locked: [], forbidden: [], kept: null });
  if (!link) return;
  const { locked, forbidden, kept } = link.plans;
  const blocks = (text: string, name: string) => (text === '' ? [] : parseBlockList(text, summary, `link, ${name}`));
  try {
    const barred = blocks(forbidden, 'forbid');
    plannerStore.setState({
      locked: blocks(locked, 'lock').filter((block) => !barred.includes(block)),
      forbidden: barred,
      kept:
        kept === null
          ? null
          : pageEdits(parseEditParam(kept, link.replaceBy, editableFrom(summary.narrower, summary), 'link, keep')),
    });
  } catch (thrown) {
    showError('link', thrown);
  }
}

/**
 * Sample prompts exist only for the sample's grammar; another model starts with synthetic inputs, labelled as such. A file
 * stays where it can be one of the new model: dropped first, it may have waited for it. Else it is put aside, and said so.
 */
async function fitCalibration(summary: ModelSummary, before: ModelSummary | null): Promise<void> {
  const { kind, file } = calibrationStore.getState();
  const byDefault = summary.drawable ? 'shapes' : 'synthetic';
  const ofTrace = traceChoice(summary);
  if (ofTrace) return calibrationStore.setState(ofTrace);
  if (kind === 'shapes') calibrationStore.setState({ kind: byDefault });
  if (kind === 'synthetic' && before && summary.drawable) calibrationStore.setState({ kind: byDefault });
  if (!before || (kind !== 'file' && !file)) return;
  const { misfitOf } = await import('./file-readers.ts');
  const misfit = file && (await misfitOf(file, summary));
  // Another file may have been picked meanwhile.
  if (calibrationStore.getState().file !== file) return;
  if (file && !misfit) {
    if (kind === 'file') {
      showPassing('calibration', 'info', `${file.name} stays the calibration`, {
        hint: `By its shapes it can be one of ${summary.name} too.`,
      });
    }
    return;
  }
  settle('calibration');
  calibrationStore.setState({ file: null, fileDigits: null, ...(kind === 'file' ? { kind: byDefault } : {}) });
  if (file && misfit && kind === 'file') {
    showWarning('calibration', `${file.name} is not the calibration any more`, {
      ...misfit,
      hint: `It was picked for ${before.name} and does not fit ${summary.name}. Pick one that was made for this model.`,
    });
  }
}

/** A trace is analysed on the inputs that it was captured with. */
export function refuseCalibration(name: string): boolean {
  const { summary } = modelStore.getState();
  if (!summary?.trace) return false;
  showWarning('calibration', `${name} was not taken as the calibration`, {
    hint: `The trace of ${summary.name} brings the samples that it was captured on. To measure on ${name}, open the model itself first.`,
  });
  return true;
}

/** Something was dropped that is none of model, plan or calibration file. */
export function refuseDrop(name: string): void {
  showError(
    'model',
    new ContiguaError('usage', 'This kind of file cannot be opened', {
      file: name,
      expected:
        'a transformer folder, one file of weights (.safetensors or .gguf), a trace (.safetensors), a plan (.json) or a calibration file (.safetensors)',
    }),
  );
}
