/**
 * What the page measures on its own account once the user's hands and the worker rest: the damage of intervals that
 * have none yet, then the forward time of the choice. Stopped at once by anything the user asks for.
 */
import { analysisStore, measureDamage } from './analysis.ts';
import { busyStore } from './compute.ts';
import { detectedIn } from './detection.ts';
import { engineStore } from './engine.ts';
import type { MadeOf } from './made-of.ts';
import { modelStore } from './model.ts';
import { selectionStore } from './selection.ts';
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

async function measureNow(): Promise<void> {
  if (document.hidden || busyStore.getState().tasks.length > 0 || engineStore.getState().status !== 'ready') return;
  const { report, probesLive } = analysisStore.getState();
  const chosen = selectionStore.getState().selection.present;
  if (report && probesLive) {
    const detected = detectedIn(report, settingsStore.getState().detection);
    await measureDamage([...detected, ...chosen]);
  }
  if (isQuickModel()) await measureForward();
}

/** True when timing a few forwards goes unnoticed: a small model, and no engine of last resort. */
export function isQuickModel(): boolean {
  const engine = engineStore.getState().report;
  if (!engine?.candidates.some(({ name, preferred }) => name === engine.name && preferred)) return false;
  const { summary } = modelStore.getState();
  const { report } = analysisStore.getState();
  const known = report?.blockMs.reduce((sum, ms) => sum + ms, 0);
  return summary !== null && (known === undefined || known === 0 ? summary.drawable : known <= QUIET_FORWARD_MS);
}

/** What a forward time would be of now, or null when none can be measured. */
export function presentTiming(): { readonly of: MadeOf; readonly choice: TimedChoice } | null {
  const { summary } = modelStore.getState();
  const engine = engineStore.getState().report;
  const intervals = selectionStore.getState().selection.present;
  const { replacement } = settingsStore.getState();
  const { report, probesLive } = analysisStore.getState();
  if (!summary || !engine || intervals.length === 0) return null;
  if (replacement === 'probes' && !probesLive) return null;
  // The worker times on the calibration of its analysis, and on a nominal one while it has none.
  const calibration = probesLive ? report?.calibration : null;
  const each = (tokens: number) => Math.round(tokens / (calibration?.samples ?? 1));
  const inputs = calibration ? `${each(calibration.tokens.image)} + ${each(calibration.tokens.text)}` : 'nominal';
  const choice = {
    engine: `${engine.name} ${engine.device}`,
    model: summary.fingerprint,
    intervals,
    replacement,
    inputs,
  };
  return { of: timingOf(choice), choice };
}

export async function measureForward(): Promise<void> {
  const present = presentTiming();
  if (present) await measureTiming(present.of, present.choice);
}
