/**
 * Text groups and feed-forward layers that could be narrower: what is proposed, and their measurement on request, each alone. Results arrive one by
 * one and stay in the report, so that stopping loses nothing. Loaded with what shows them: candidates need the config readers of all families.
 */
import { createStore } from 'zustand/vanilla';
import { type WidthCandidates, widthCandidates } from '@/lib/core/detection/index.ts';
import { type FfnEdit, sameEdit, type TextStreamEdit } from '@/lib/core/edit/index.ts';
import type { ModelSummary } from '@/lib/core/folder/model-summary.ts';
import { type ModelConfig, parseModelConfig } from '@/lib/core/model/config-index.ts';
import { type AnalysisReport, partDamageOf, type WidthDamage, widthDamageOf } from '@/lib/core/report/report.ts';
import { settle, showError } from '../browser/notices.ts';
import { analysisStore } from './analysis-store.ts';
import { ask } from './compute.ts';
import { keepMeasured } from './keeping.ts';
import { beginMeasurement } from './measurements.ts';
import { reportProbes } from './probe-source.ts';
import { addWidth } from './report-additions.ts';
import { widthRoom } from './width-room.ts';

export type Narrower = TextStreamEdit | FfnEdit;

export interface RunningWidth {
  readonly which: WidthCandidates;
  /** Fitting comes first, block by block; then each is measured. */
  readonly stage: 'probes' | 'damage';
  readonly done: number;
  readonly total: number;
}

export const narrowerStore = createStore<{ readonly running: RunningWidth | null }>(() => ({ running: null }));
let stopRunning: AbortController | null = null;

const configs = new WeakMap<ModelSummary['config'], ModelConfig>();

/** Parsed once for each model. */
export function configOf({ config }: Pick<ModelSummary, 'config'>): ModelConfig {
  let parsed = configs.get(config);
  if (!parsed) {
    parsed = parseModelConfig(JSON.stringify(config), 'config.json');
    configs.set(config, parsed);
  }
  return parsed;
}

/** Groups that the rule finds on the text stream alone. */
export function proposedGroups(
  report: AnalysisReport,
  summary: Pick<ModelSummary, 'config' | 'fingerprint'>,
): readonly TextStreamEdit[] {
  if (report.model.fingerprint !== summary.fingerprint) return [];
  return widthCandidates('text', report, configOf(summary)).filter((edit) => edit.on === 'text-stream');
}

export function unmeasuredWidth(
  which: WidthCandidates,
  report: AnalysisReport,
  summary: Pick<ModelSummary, 'config'>,
): readonly Narrower[] {
  return widthCandidates(which, report, configOf(summary)).filter((edit) => !widthDamageOf(report, edit));
}

/** Nothing is measured where `shown`, which the user sees, is not the analysis on the page any more. */
export async function measureNarrower(
  which: WidthCandidates,
  summary: Pick<ModelSummary, 'config' | 'sizeBytes'>,
  shown: AnalysisReport,
): Promise<void> {
  const { report, measuredOn } = analysisStore.getState();
  if (report?.streams !== shown.streams) return;
  const probes = reportProbes(report, measuredOn)?.source;
  if (!report || !probes || stopRunning) return;
  const edits = unmeasuredWidth(which, report, summary);
  if (edits.length === 0) return;
  const { own, end } = beginMeasurement();
  stopRunning = own;
  const { signal } = own;
  settle('damage');
  narrowerStore.setState({ running: { which, stage: 'probes', done: 0, total: 1 } });
  try {
    const room = await widthRoom(probes, summary, signal);
    signal.throwIfAborted();
    await ask(
      'width',
      { edits, probes, ...room },
      {
        signal,
        onProgress({ stage, done, total, partial }) {
          if (partial) addWidth(report, [partial]);
          narrowerStore.setState({ running: { which, stage: stage === 'probes' ? stage : 'damage', done, total } });
        },
      },
    );
  } catch (thrown) {
    if (!signal.aborted) showError('damage', thrown);
  } finally {
    end();
    stopRunning = null;
    narrowerStore.setState({ running: null });
    await keepMeasured(report);
  }
}

export function stopNarrower(): void {
  stopRunning?.abort();
}

/** What is known of an edit, if anything. */
export interface ListedNarrower extends Pick<WidthDamage, 'edit'>, Partial<Omit<WidthDamage, 'edit'>> {
  /** Output error with all feed-forward layers of the block taken out, those of its other streams too. */
  readonly takenOut?: number | null;
}

/** Feed-forward layers that were taken out and not yet measured as linear maps. */
export function takenOutFfns(report: AnalysisReport, summary: Pick<ModelSummary, 'config'>): readonly Narrower[] {
  if (!report.parts.some(({ part }) => part === 'ffn')) return [];
  return unmeasuredWidth('ffn', report, summary).filter(
    (edit) => edit.on === 'ffn' && partDamageOf(report, edit.block, 'ffn') !== undefined,
  );
}

/** Measured edits of one kind and `others`, each once, measured ones first. */
export function listedNarrower(
  on: Narrower['on'],
  report: Pick<AnalysisReport, 'width' | 'parts'>,
  others: readonly Narrower[],
): readonly ListedNarrower[] {
  const all: ListedNarrower[] = (report.width ?? []).filter(({ edit }) => edit.on === on);
  for (const edit of others) {
    if (edit.on === on && !all.some((one) => sameEdit(one.edit, edit))) all.push({ edit });
  }
  return all.map((row) => {
    const part = row.edit.on === 'ffn' ? partDamageOf(report, row.edit.block, 'ffn') : undefined;
    return part ? { ...row, takenOut: part.outputError } : row;
  });
}
