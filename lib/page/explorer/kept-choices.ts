/**
 * What was measured of whole choices comes back after a reload, as points of the chart of choices. A browser that refuses takes nothing
 * with it but that: what is on the page stays.
 */
import type { ModelSummary } from '@/lib/core/folder/model-summary.ts';
import { background } from './background/index.ts';
import { choiceQualityStore, onMeasured } from './choice-quality.ts';
import { choiceFrom, choiceRecord } from './choice-records.ts';
import { isSame } from './made-of.ts';
import { modelStore } from './model.ts';

/** From now on. */
export function keepChoices(): void {
  onMeasured((choice) => void orNull(() => background.keepChoice(choiceRecord(choice, Date.now()))));
}

/** Beside what has been measured since the model was opened, which is newer. */
export async function restoreChoices(summary: ModelSummary): Promise<void> {
  const records = await orNull(() => background.listChoices(summary.fingerprint));
  if (!records || modelStore.getState().summary?.fingerprint !== summary.fingerprint) return;
  const kept = records.flatMap((record) => choiceFrom(record, summary) ?? []);
  choiceQualityStore.setState(({ choices }) => ({
    choices: [...kept.filter(({ of }) => !choices.some((one) => isSame(one.of, of))), ...choices],
  }));
}

/** The page says so itself where the browser refuses to keep an analysis. */
async function orNull<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch {
    return null;
  }
}
