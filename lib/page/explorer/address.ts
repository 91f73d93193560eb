/** Keeps the address bar and the stores in step: read once at the start, replaced (never pushed) on every change. */
import { formatEditParam } from '@/lib/core/edit/index.ts';
import { formatBlockList } from '@/lib/core/planner/index.ts';
import { limitsStore } from './analysis-limits.ts';
import { calibrationStore } from './calibration.ts';
import type { PageReplacement } from './edits.ts';
import { modelStore } from './model.ts';
import { plannerStore } from './planner.ts';
import { DEFAULT_PROMPT, previewStore } from './preview.ts';
import { selectionStore } from './selection.ts';
import { settingsStore } from './settings.ts';
import { type LinkState, modelDigits, readLink, statedInputs, writeLink } from './url-state.ts';

/** Browsers refuse bursts of history changes; a drag makes many. */
const WRITE_AFTER_MS = 150;

/** What the address asks for, put into the stores that can take it before a model is open. */
export function openingLink(): LinkState & { readonly statesInputs: boolean } {
  const params = new URLSearchParams(window.location.search);
  const link = readLink(params);
  settingsStore.setState(link.settings);
  plannerStore.setState({ ...link.plans.budget, allow: link.plans.allow });
  calibrationStore.setState(link.calibration);
  limitsStore.setState(link.limits);
  if (link.prompt !== null) previewStore.setState({ prompt: link.prompt });
  if (link.seed !== null) previewStore.setState({ seed: link.seed });
  return { ...link, statesInputs: statedInputs(params) !== null };
}

/** The address of what is on the page right now. */
export function presentLink(): string {
  const { summary } = modelStore.getState();
  const { prompt, seed } = previewStore.getState();
  const settings = settingsStore.getState();
  const params = writeLink({
    model: summary && modelDigits(summary.fingerprint),
    cut: formatEditParam(selectionStore.getState().selection.present, settings.replaceBy),
    settings,
    plans: linkedPlans(settings.replaceBy),
    calibration: calibrationStore.getState(),
    limits: limitsStore.getState(),
    prompt: prompt === DEFAULT_PROMPT ? null : prompt,
    seed: seed === 1 ? null : seed,
  });
  const query = params.toString();
  return `${window.location.origin}${window.location.pathname}${query ? `?${query}` : ''}`;
}

function linkedPlans(replaceBy: PageReplacement): LinkState['plans'] {
  const { kind, value, dtype, allow, locked, forbidden, kept } = plannerStore.getState();
  return {
    budget: { kind, value, dtype },
    allow,
    locked: formatBlockList(locked),
    forbidden: formatBlockList(forbidden),
    kept: kept && formatEditParam(kept, replaceBy),
  };
}

/** Until a model is open the address stays as it came: it may hold a choice that nobody has read yet. */
export function followAddress(): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const write = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (!modelStore.getState().summary) return;
      const address = presentLink();
      if (address !== window.location.href) window.history.replaceState(window.history.state, '', address);
    }, WRITE_AFTER_MS);
  };
  for (const store of [selectionStore, settingsStore, calibrationStore, limitsStore, previewStore, plannerStore])
    store.subscribe(write);
}
