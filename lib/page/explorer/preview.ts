/**
 * The same prompt and seed drawn by the whole model and by the pruned one, and by a plan that is held beside it. The whole picture is drawn
 * once per prompt.
 */
import { createStore } from 'zustand/vanilla';
import type { Drawing } from '@/lib/compute/protocol.ts';
import { DRAWING } from '@/lib/core/shapes/index.ts';
import { settle, showError } from '../browser/notices.ts';
import { ask } from './compute.ts';
import { editsMadeOf, narrowerOf, needsProbes, type PageEdit, whyNotMeasured } from './edits.ts';
import { isSame, type MadeOf } from './made-of.ts';
import type { ReportProbes, WantedFile } from './probe-source.ts';
import { showingRefit } from './refitting.ts';

export interface Drawn {
  readonly of: MadeOf;
  readonly drawing: Drawing;
}
export type Pictured = 'whole' | 'pruned' | 'held';
export interface PreviewState {
  readonly prompt: string;
  readonly seed: number;
  readonly drawing: Pictured | null;
  /** The pictures being drawn were asked for where plans are compared. */
  readonly isComparing: boolean;
  /** 0…1 of the picture being drawn. */
  readonly share: number;
  readonly whole: Drawn | null;
  readonly pruned: Drawn | null;
  /** Pictures of other choices, the newest first, for plans that are compared. */
  readonly others: readonly Drawn[];
}

/** A held plan and a few that were tried beside it. */
const MOST_OTHERS = 8;

export const DEFAULT_PROMPT = 'a large red circle top left and a small blue square bottom right on white';

export const previewStore = createStore<PreviewState>(() => ({
  prompt: DEFAULT_PROMPT,
  seed: 1,
  drawing: null,
  isComparing: false,
  share: 0,
  whole: null,
  pruned: null,
  others: [],
}));

let stopDrawing: AbortController | null = null;

/** What the whole model's picture is made of. */
export function wholeOf(model: string, prompt: string, seed: number): MadeOf {
  return { model, prompt, seed: String(seed) };
}

/** `probes` is the analysis whose probes stand in for blocks; it means nothing where all are just removed. */
export function prunedOf(whole: MadeOf, edits: readonly PageEdit[], probes: ReportProbes | null): MadeOf {
  return { ...whole, ...editsMadeOf(edits), probes: needsProbes(edits) ? (probes?.name ?? '') : '' };
}

/** Why the choice cannot be drawn, in a sentence; `missing` is the calibration file that has to be chosen again. */
export function whyNotDrawn(
  edits: readonly PageEdit[],
  probes: ReportProbes | null,
  missing: WantedFile | null,
): string | null {
  const reason = whyNotMeasured(edits);
  if (reason !== null) return `No picture: ${reason}.`;
  if (!needsProbes(edits) || probes) return null;
  // Runs can do without maps, narrower blocks cannot.
  const isNarrower = needsProbes(narrowerOf(edits));
  const by = missing ? `on ${missing.name}: choose that file again under Calibration` : 'by an analysis: press Analyse';
  return isNarrower
    ? `Linear maps are fitted ${by}.`
    : `Probes are fitted ${by}, or preview with the blocks just removed.`;
}

/** True when both pictures follow the same prompt and seed on the same model. */
export function isPrunedOf(pruned: MadeOf, whole: MadeOf): boolean {
  return isSame(pruned, whole);
}

/** The picture of a choice: of the same prompt and seed if there is one, else an outdated one; of the whole model where nothing is chosen. */
export function pictureOf(state: PreviewState, edits: readonly PageEdit[], of: MadeOf): Drawn | null {
  if (edits.length === 0) return state.whole;
  const drawn = [...(state.pruned ? [state.pruned] : []), ...state.others];
  const choice = editsMadeOf(edits);
  return drawn.find((one) => isSame(one.of, of)) ?? drawn.find((one) => isSame(one.of, choice)) ?? null;
}

/** Draws the choice anew, and the whole model unless its picture is there. */
export async function drawBoth(
  fingerprint: string,
  edits: readonly PageEdit[],
  probes: ReportProbes | null,
): Promise<void> {
  await drawing(fingerprint, probes, false, async ({ of, picture }) => {
    if (edits.length > 0) keepPruned({ of: prunedOf(of, edits, probes), drawing: await picture('pruned', edits) });
  });
}

/** Draws what is missing of the whole model, the present choice and the one that is held beside it. */
export async function drawCompared(
  fingerprint: string,
  { present, held }: { readonly present: readonly PageEdit[]; readonly held: readonly PageEdit[] },
  probes: ReportProbes | null,
): Promise<void> {
  await drawing(fingerprint, probes, true, async ({ of, picture }) => {
    const isMissing = (edits: readonly PageEdit[], made: MadeOf) =>
      edits.length > 0 && !isSame(pictureOf(previewStore.getState(), edits, made)?.of ?? null, made);
    const [presentOf, heldOf] = [prunedOf(of, present, probes), prunedOf(of, held, probes)];
    if (isMissing(present, presentOf)) {
      keepPruned({ of: presentOf, drawing: await picture('pruned', present) });
    }
    if (isMissing(held, heldOf)) keepOther({ of: heldOf, drawing: await picture('held', held) });
  });
}

interface DrawingOf {
  /** What the whole model's picture is made of. */
  readonly of: MadeOf;
  picture(which: Pictured, edits: readonly PageEdit[]): Promise<Drawing>;
}

/** One call at a time: the whole model's picture if it is missing, then `others`. */
async function drawing(
  fingerprint: string,
  probes: ReportProbes | null,
  isComparing: boolean,
  others: (of: DrawingOf) => Promise<void>,
): Promise<void> {
  if (stopDrawing) return;
  const own = new AbortController();
  stopDrawing = own;
  settle('preview');
  previewStore.setState({ isComparing });
  const { prompt, seed, whole } = previewStore.getState();
  const of = wholeOf(fingerprint, prompt, seed);
  const picture = (which: Pictured, edits: readonly PageEdit[]) => {
    previewStore.setState({ drawing: which, share: 0 });
    const input = { prompt, seed, ...DRAWING, edits, probes: probes?.source ?? null };
    return showingRefit(
      (onProgress) => ask('draw', input, { signal: own.signal, onProgress }),
      // What comes before, such as reading modulations, has no share of the picture.
      ({ stage, done, total }) => stage === 'draw' && previewStore.setState({ share: total > 0 ? done / total : 0 }),
    );
  };
  try {
    if (!isSame(whole?.of ?? null, of)) {
      previewStore.setState({ whole: { of, drawing: await picture('whole', []) } });
    }
    await others({ of, picture });
  } catch (thrown) {
    showError('preview', thrown);
  } finally {
    stopDrawing = null;
    previewStore.setState({ drawing: null });
  }
}

/** The picture of another choice before it stays among the others. */
function keepPruned(drawn: Drawn): void {
  const { pruned } = previewStore.getState();
  previewStore.setState({ pruned: drawn });
  if (pruned && !isSame(pruned.of, drawn.of)) keepOther(pruned);
}

function keepOther(drawn: Drawn): void {
  previewStore.setState(({ others }) => ({
    others: [drawn, ...others.filter((one) => !isSame(one.of, drawn.of))].slice(0, MOST_OTHERS),
  }));
}

export function stopDraw(): void {
  stopDrawing?.abort();
}

export function clearPreview(): void {
  stopDrawing?.abort();
  previewStore.setState({ whole: null, pruned: null, others: [] });
}
