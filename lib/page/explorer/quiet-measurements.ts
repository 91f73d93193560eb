/**
 * What the page measures on its own account once the user's hands and the worker rest: the damage of intervals that
 * have none yet, then the forward time of the choice, its output error as a whole and the facts that it still draws, and at last
 * what the default ranking needs of every short interval. Stopped at once by anything the user asks for.
 */
import { DEFAULT_DAMAGE_SCORE, runsOf, scoreNamed } from '@/lib/core/detection/index.ts';
import { runEdits } from '@/lib/core/edit/index.ts';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { type Analysed, analysisStore } from './analysis-store.ts';
import { countFacts, measureChoiceError } from './choice-quality.ts';
import { busyStore } from './compute.ts';
import { detectedIn } from './detection.ts';
import { needsProbes, type PageEdit, pageEdits, whyNotMeasured } from './edits.ts';
import { engineStore } from './engine.ts';
import { keepMeasured } from './keeping.ts';
import type { MadeOf } from './made-of.ts';
import { modelStore } from './model.ts';
import { reportProbes } from './probe-source.ts';
import { measureDamage } from './report-additions.ts';
import { presentRuns, selectionStore } from './selection.ts';
import { settingsStore } from './settings.ts';
import { measureTiming, type TimedChoice, timingOf } from './timing.ts';

const REST_MS = 500;
/** A model slower than this per forward of one sample is timed only when asked (button "Measure"). */
const QUIET_FORWARD_MS = 250;

export function measureWhenIdle(): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(() => void measureNow(), REST_MS);
  };
  for (const store of [selectionStore, settingsStore, modelStore, engineStore, busyStore]) store.subscribe(later);
  analysisStore.subscribe((state, before) => {
    if (state.report !== before.report || state.running !== before.running) later();
  });
}

let measuring = false;
let again = false;
/** Measurements under way that were asked for by hand: what the page measures by itself would stop them. */
let byHand = 0;

/**
 * One measurement after the other: whoever asks for one while another goes on waits for its end. A quiet call stops the
 * quiet one before it, so the second would take away what the first has done, probes that were fitted again included.
 */
async function measureNow(): Promise<void> {
  again = measuring;
  if (measuring) return;
  measuring = true;
  try {
    do {
      again = false;
      await measureOnce();
    } while (again);
  } finally {
    measuring = false;
  }
}

async function measureOnce(): Promise<void> {
  if (
    byHand > 0 ||
    document.hidden ||
    busyStore.getState().tasks.length > 0 ||
    engineStore.getState().status !== 'ready'
  )
    return;
  const { report } = analysisStore.getState();
  const chosen = presentRuns();
  if (report) {
    const detected = detectedIn(report, settingsStore.getState().detection);
    const intervals = [...detected, ...chosen];
    // First what needs no probes: to fit them again takes a pass through the whole model.
    await measureDamage(runEdits(intervals, 'nothing'));
    if (byHand > 0) return;
    if (isQuickModel(report) || chosen.some(({ by }) => by === 'probes'))
      await measureDamage(runEdits(intervals, 'probes'));
  }
  // What was asked for by hand meanwhile goes first; this is begun anew once it is done.
  const isQuick = () => byHand === 0 && isQuickModel(analysisStore.getState().report);
  if (isQuick()) await timeChoice(analysisStore.getState());
  if (byHand === 0) await measureChoiceError();
  if (isQuick()) await countFacts(analysisStore.getState());
  if (isQuick()) await measureRanking();
}

/** What the default score has to know of all intervals that it may rank: until it does, another stands in for it. */
async function measureRanking(): Promise<void> {
  const { report } = analysisStore.getState();
  const { needs } = scoreNamed(DEFAULT_DAMAGE_SCORE);
  if (!report || needs === null) return;
  const detected = detectedIn(report, settingsStore.getState().detection);
  const chosen = presentRuns();
  await measureDamage(runEdits([...runsOf(report.model), ...detected, ...chosen], needs));
  if (analysisStore.getState().report !== report) await keepMeasured(report);
}

/** Asked for by hand, on a model that is too slow for it to go unnoticed. */
export async function countNow(analysed: Analysed): Promise<void> {
  await measureByHand(() => countFacts(analysed));
}

/** Stops what is being measured, which goes on afterwards. */
async function measureByHand(measure: () => Promise<void>): Promise<void> {
  byHand++;
  try {
    await measure();
  } finally {
    byHand--;
  }
  await measureNow();
}

/** True when timing a few forwards goes unnoticed: a small model, and no engine of last resort. */
export function isQuickModel(report: AnalysisReport | null): boolean {
  const engine = engineStore.getState().report;
  if (!engine?.candidates.some(({ name, preferred }) => name === engine.name && preferred)) return false;
  const { summary } = modelStore.getState();
  const known = report ? forwardMs(report) : 0;
  return summary !== null && (known === 0 ? summary.drawable : known <= QUIET_FORWARD_MS);
}

/** What a forward time would be of now, or null when none can be measured. */
export function presentTiming(analysed: Analysed): { readonly of: MadeOf; readonly choice: TimedChoice } | null {
  const edits = pageEdits(selectionStore.getState().selection.present);
  const engine = engineStore.getState().report;
  const timed = timedChoice(edits, analysed);
  if (!timed || !engine) return null;
  const probes = reportProbes(analysed.report, analysed.measuredOn)?.source ?? null;
  if (needsProbes(edits) && !probes) return null;
  const choice = { ...timed, engine, probes };
  return { of: timingOf(choice), choice };
}

/** What is timed of a choice of the open model, on any engine; null where no time can be measured of it. */
export function timedChoice(
  edits: readonly PageEdit[],
  { report, measuredOn }: Analysed,
): Pick<TimedChoice, 'model' | 'edits' | 'inputs'> | null {
  const { summary } = modelStore.getState();
  if (!summary || summary.trace || summary.configAlone || edits.length === 0 || whyNotMeasured(edits)) return null;
  // On the inputs of the analysis where there is one, on nominal ones otherwise.
  const inputs = report && reportProbes(report, measuredOn) ? tokensPerSample(report) : 'nominal';
  return { model: summary.fingerprint, edits, inputs };
}

/** Milliseconds of all blocks as the analysis measured them; 0 where it did not. */
function forwardMs({ blockMs }: AnalysisReport): number {
  return blockMs.reduce((sum: number, ms) => sum + (ms ?? 0), 0);
}

/** "64 + 13", stream by stream. */
function tokensPerSample({ calibration: { tokens, samples }, model: { streams } }: AnalysisReport): string {
  return streams.map(({ id }) => Math.round((tokens[id] ?? 0) / samples)).join(' + ');
}

/** Asked for by hand. */
export async function measureForward(analysed: Analysed): Promise<void> {
  await measureByHand(() => timeChoice(analysed));
}

async function timeChoice(analysed: Analysed): Promise<void> {
  const present = presentTiming(analysed);
  if (present) await measureTiming(present.of, present.choice);
}
