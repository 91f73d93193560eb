/** The same prompt and seed drawn by the whole model and by the pruned one. The whole picture is drawn once per prompt. */
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
export interface PreviewState {
  readonly prompt: string;
  readonly seed: number;
  readonly drawing: 'whole' | 'pruned' | null;
  /** 0…1 of the picture being drawn. */
  readonly share: number;
  readonly whole: Drawn | null;
  readonly pruned: Drawn | null;
}

export const DEFAULT_PROMPT = 'a large red circle top left and a small blue square bottom right on white';

export const previewStore = createStore<PreviewState>(() => ({
  prompt: DEFAULT_PROMPT,
  seed: 1,
  drawing: null,
  share: 0,
  whole: null,
  pruned: null,
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

export async function drawBoth(
  fingerprint: string,
  edits: readonly PageEdit[],
  probes: ReportProbes | null,
): Promise<void> {
  if (stopDrawing) return;
  const own = new AbortController();
  stopDrawing = own;
  settle('preview');
  const { prompt, seed, whole } = previewStore.getState();
  const of = wholeOf(fingerprint, prompt, seed);
  const draw = (which: 'whole' | 'pruned', present: readonly PageEdit[]) => {
    previewStore.setState({ drawing: which, share: 0 });
    const input = { prompt, seed, ...DRAWING, edits: present, probes: probes?.source ?? null };
    return showingRefit(
      (onProgress) => ask('draw', input, { signal: own.signal, onProgress }),
      // What comes before, such as reading modulations, has no share of the picture.
      ({ stage, done, total }) => stage === 'draw' && previewStore.setState({ share: total > 0 ? done / total : 0 }),
    );
  };
  try {
    if (!isSame(whole?.of ?? null, of)) previewStore.setState({ whole: { of, drawing: await draw('whole', []) } });
    if (edits.length > 0) {
      const drawing = await draw('pruned', edits);
      previewStore.setState({ pruned: { of: prunedOf(of, edits, probes), drawing } });
    }
  } catch (thrown) {
    showError('preview', thrown);
  } finally {
    stopDrawing = null;
    previewStore.setState({ drawing: null });
  }
}

export function stopDraw(): void {
  stopDrawing?.abort();
}

export function clearPreview(): void {
  stopDrawing?.abort();
  previewStore.setState({ whole: null, pruned: null });
}
