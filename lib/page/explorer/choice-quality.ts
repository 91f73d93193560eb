/**
 * What whole choices cost: the output error of all edits together and, where the model draws, how many facts of held-out
 * captions its pictures hold. Measured quietly once a choice rests; pictures are drawn a few at a time, so that counting goes on
 * where something that the user asked for stopped it. What has been measured stays, as points of the chart of choices, and is kept in
 * this browser (kept-choices.ts).
 */
import { createStore } from 'zustand/vanilla';
import type { ProbeSource } from '@/lib/compute/protocol.ts';
import { COUNTED_PICTURES } from '@/lib/core/shapes/index.ts';
import { showError } from '../browser/notices.ts';
import { type Analysed, analysisStore } from './analysis-store.ts';
import { measureQuietly } from './compute.ts';
import { editsMadeOf, needsProbes, type PageEdit, pageEdits, whyNotMeasured } from './edits.ts';
import { isSame, type MadeOf } from './made-of.ts';
import { type FactCount, type MeasuredChoice, MOST_CHOICES } from './measured-choice.ts';
import { modelStore } from './model.ts';
import { reportProbes } from './probe-source.ts';
import { showingRefit } from './refitting.ts';
import { selectionStore } from './selection.ts';

export interface ChoiceQualityState {
  /** The newest last. */
  readonly choices: readonly MeasuredChoice[];
  readonly measuring: Measurement | null;
  /** What could not be measured on this engine, so that it is not tried for ever. */
  readonly failed: readonly Measurement[];
}
interface Measurement {
  readonly of: MadeOf;
  readonly what: 'error' | 'facts';
}

const NOTHING: ChoiceQualityState = { choices: [], measuring: null, failed: [] };
const NO_FACTS: FactCount = { held: 0, total: 0, pictures: 0 };
/** Pictures of one call: a few seconds on a small model, so that little is lost when it is stopped. */
const DRAWN_PER_CALL = 4;

export const choiceQualityStore = createStore<ChoiceQualityState>(() => NOTHING);

export function clearChoiceQuality(): void {
  choiceQualityStore.setState(NOTHING);
}

/** What one engine could not measure, another may, or the same one once it runs again. */
export function forgetFailures(): void {
  choiceQualityStore.setState({ failed: [] });
}

export function hasFailed({ failed }: ChoiceQualityState, of: MadeOf | null, what: Measurement['what']): boolean {
  return failed.some((one) => one.what === what && isSame(one.of, of));
}

export interface PresentChoice {
  readonly of: MadeOf;
  readonly edits: readonly PageEdit[];
  readonly probes: ProbeSource;
}

/**
 * The choice on the page, or null where nothing can be measured of it: nothing chosen, no analysis, its file is missing, or
 * `whyNotMeasured`.
 */
export function presentChoice(analysed: Analysed): PresentChoice | null {
  const edits = pageEdits(selectionStore.getState().selection.present);
  return edits.length === 0 || whyNotMeasured(edits) ? null : choiceOf(edits, analysed);
}

function choiceOf(edits: readonly PageEdit[], { report, measuredOn }: Analysed): PresentChoice | null {
  const { summary } = modelStore.getState();
  const probes = reportProbes(report, measuredOn);
  if (!summary || !probes) return null;
  const of = { model: summary.fingerprint, ...editsMadeOf(edits), 'measured on': probes.name };
  return { of, edits, probes: probes.source };
}

/** What is known of a choice; nothing yet of one that was never measured. */
export function knownOf({ choices }: ChoiceQualityState, of: MadeOf | null): MeasuredChoice | null {
  return choices.find((one) => isSame(one.of, of)) ?? null;
}

/** Facts of the whole model, which every choice is compared with. */
export function wholeFacts(state: ChoiceQualityState, analysed: Analysed): FactCount | null {
  const facts = knownOf(state, choiceOf([], analysed)?.of ?? null)?.facts;
  return facts && facts.total > 0 ? facts : null;
}

/** What was measured on the inputs of the analysis, the whole model included once anything was. */
export function measuredChoices(state: ChoiceQualityState, analysed: Analysed): readonly MeasuredChoice[] {
  const whole = choiceOf([], analysed);
  if (!whole) return [];
  const same = (of: MadeOf) => of.model === whole.of.model && of['measured on'] === whole.of['measured on'];
  const choices = state.choices.filter(({ of }) => same(of));
  if (choices.length === 0 || choices.some(({ edits }) => edits.length === 0)) return choices;
  return [{ ...whole, damage: null, facts: NO_FACTS }, ...choices];
}

export const isCounted = ({ pictures }: FactCount): boolean => pictures >= COUNTED_PICTURES.pictures;

/** Whether to offer drawing by hand: pictures of the choice or of the whole model are missing, and none is being drawn. */
export function canCount(state: ChoiceQualityState, choice: MadeOf, analysed: Analysed): boolean {
  if (state.measuring?.what === 'facts' || hasFailed(state, choice, 'facts')) return false;
  return [choice, choiceOf([], analysed)?.of ?? null].some(
    (of) => of !== null && !hasFailed(state, of, 'facts') && !isCounted(knownOf(state, of)?.facts ?? NO_FACTS),
  );
}

/** The output error of the present choice, where it is not known. */
export async function measureChoiceError(): Promise<void> {
  const present = presentChoice(analysisStore.getState());
  if (!present || knownOf(choiceQualityStore.getState(), present.of)?.damage) return;
  const { of, edits, probes } = present;
  const damage = await measured(of, 'error', (onProgress) => measureQuietly('choice', { edits, probes }, onProgress));
  if (damage) keep(present, { damage });
}

/** The facts of the present choice, then those of the whole model, as far as they have not been counted; whatever stops it stops both. */
export async function countFacts(analysed: Analysed): Promise<void> {
  if (!modelStore.getState().summary?.drawable) return;
  const present = presentChoice(analysed);
  for (const wanted of [present, present && choiceOf([], analysed)]) {
    if (wanted && !(await countOf(wanted))) return;
  }
}

/** Whether all are counted. */
async function countOf(wanted: PresentChoice): Promise<boolean> {
  const { pictures: all, ...drawing } = COUNTED_PICTURES;
  const chosen = presentChoice(analysisStore.getState())?.of ?? null;
  for (;;) {
    const known = knownOf(choiceQualityStore.getState(), wanted.of)?.facts ?? NO_FACTS;
    if (isCounted(known)) return true;
    if (!isSame(presentChoice(analysisStore.getState())?.of ?? null, chosen)) return false;
    const skip = known.pictures;
    const probes = needsProbes(wanted.edits) ? wanted.probes : null;
    const input = { ...drawing, edits: wanted.edits, probes, skip, pictures: Math.min(DRAWN_PER_CALL, all - skip) };
    const more = await measured(wanted.of, 'facts', (onProgress) => measureQuietly('facts', input, onProgress));
    if (!more) return false;
    keep(wanted, {
      facts: { held: known.held + more.held, total: known.total + more.total, pictures: skip + more.pictures },
    });
  }
}

/** Null where it was stopped, or failed before. */
async function measured<T>(
  of: MadeOf,
  what: Measurement['what'],
  call: Parameters<typeof showingRefit<T | null>>[0],
): Promise<T | null> {
  if (hasFailed(choiceQualityStore.getState(), of, what)) return null;
  const measuring = { of, what };
  choiceQualityStore.setState({ measuring });
  try {
    return await showingRefit(call);
  } catch (thrown) {
    choiceQualityStore.setState(({ failed }) => ({ failed: [...failed, measuring] }));
    showError('damage', thrown);
    return null;
  } finally {
    if (choiceQualityStore.getState().measuring === measuring) choiceQualityStore.setState({ measuring: null });
  }
}

/** What was measured of a choice elsewhere, on the inputs of the analysis; what this page has measured itself stays. */
export function takeMeasured(edits: readonly PageEdit[], analysed: Analysed, elsewhere: Measured): void {
  const choice = choiceOf(edits, analysed);
  if (!choice) return;
  const known = knownOf(choiceQualityStore.getState(), choice.of);
  const facts = known && known.facts.pictures >= elsewhere.facts.pictures ? known.facts : elsewhere.facts;
  keep(choice, { damage: known?.damage ?? elsewhere.damage, facts });
}

type Measured = Pick<MeasuredChoice, 'damage' | 'facts'>;

function keep({ of, edits }: PresentChoice, found: Partial<Measured>): void {
  const before = knownOf(choiceQualityStore.getState(), of);
  const measured = { ...(before ?? { of, edits, damage: null, facts: NO_FACTS }), ...found };
  choiceQualityStore.setState(({ choices }) => ({
    choices: [...choices.filter((one) => one !== before), measured].slice(-MOST_CHOICES),
  }));
  for (const listener of listeners) listener(measured);
}

const listeners: ((measured: MeasuredChoice) => void)[] = [];

/** Called with each choice whenever more of it is known. */
export function onMeasured(listener: (measured: MeasuredChoice) => void): void {
  listeners.push(listener);
}
