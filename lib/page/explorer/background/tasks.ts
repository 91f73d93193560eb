/**
 * Work on reports that would hold up the page's own thread for longer than a frame: 100 ms for writing or checking a report's text,
 * several hundred for the plans of sixty blocks with every kind of edit, or for the rank correlations of all scores with their bootstraps. It runs in a worker of its own, because the calls of the
 * compute worker wait for each other and an analysis takes minutes. The worker's side.
 */
import {
  type DamageScore,
  type DetectionSettings,
  type RankableReport,
  type RankCorrelation,
  scoreCorrelations,
} from '@/lib/core/detection/index.ts';
import { type AnalysisReport, parseReport } from '@/lib/core/report/index.ts';
import type { ChoiceRecord } from '../choice-records.ts';
import type { PlanAnswer, PlanSubject } from '../plan-subject.ts';
import { planWithin, type Solved, solve } from '../planned.ts';
import { keepChoice, listChoices } from './choice-store.ts';
import { PartsHeld, type SentReport } from './held-parts.ts';
import { type KeptEntry, keep, listKept, readKept } from './kept-store.ts';

/** Scores cross by their names. */
export type NamedCorrelations = readonly { readonly name: DamageScore; readonly correlation: RankCorrelation | null }[];

export interface SentSubject extends Omit<PlanSubject, 'report'> {
  readonly report: SentReport<AnalysisReport>;
}

export interface BackgroundTasks {
  /** Throws what `parseReport` throws. */
  readReport(input: { readonly text: string; readonly file: string }): AnalysisReport;
  /** `subject` is null for that of the last call: a report of a large model takes megabytes. */
  plan(input: { readonly subject: SentSubject | null; readonly value: string }): PlanAnswer;
  /** How well each score orders what was measured. */
  correlations(input: {
    readonly report: SentReport<RankableReport>;
    readonly settings: DetectionSettings;
  }): NamedCorrelations;
  /** Keeps a report under what it was measured on; how many analyses of its model had to make room. */
  keep(input: {
    readonly inputs: string;
    readonly report: SentReport<AnalysisReport>;
    readonly measuredAtMs: number;
  }): Promise<number>;
  /** Kept analyses of a model, newest first. */
  listKept(input: { readonly fingerprint: string }): Promise<readonly KeptEntry[]>;
  /** Null where it is not there any more, or cannot be read. */
  readKept(input: { readonly key: string }): Promise<AnalysisReport | null>;
  keepChoice(input: ChoiceRecord): Promise<void>;
  /** Measured choices of a model, newest last. */
  listChoices(input: { readonly fingerprint: string }): Promise<readonly ChoiceRecord[]>;
}

export function createBackgroundTasks(): BackgroundTasks {
  let solved: Solved | null = null;
  const parts = new PartsHeld();
  return {
    readReport: ({ text, file }) => parseReport(text, file),
    plan({ subject, value }) {
      if (subject) solved = solve({ ...subject, report: parts.receive(subject.report) });
      if (!solved) throw new RangeError('There is no earlier subject to plan');
      return planWithin(solved, value);
    },
    correlations: ({ report, settings }) =>
      scoreCorrelations(parts.receive(report), settings).map(({ score: { name }, correlation }) => ({
        name,
        correlation,
      })),
    keep: ({ inputs, report, measuredAtMs }) => keep(inputs, parts.receive(report), measuredAtMs),
    listKept: ({ fingerprint }) => listKept(fingerprint),
    readKept: ({ key }) => readKept(key),
    keepChoice,
    listChoices: ({ fingerprint }) => listChoices(fingerprint),
  };
}
