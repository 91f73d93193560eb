/**
 * Other analyses of the open model, to be shown beside the one on the page: those that this browser keeps, and report
 * files. They are read when they are asked for, not with the page: a report of a large model takes megabytes.
 */
import { createStore } from 'zustand/vanilla';
import type { NamedReport } from '@/lib/core/detection/index.ts';
import { ContiguaError } from '@/lib/core/errors.ts';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { settle, showError } from '../browser/notices.ts';
import { momentWords } from '../browser/number-words.ts';
import { type Analysed, analysisStore } from './analysis-store.ts';
import { background } from './background/index.ts';
import { calibrationText, calibrationWords } from './calibration.ts';
import { isSameMeasurement } from './comparison.ts';
import { type KeptReport, keptBeside } from './kept-analyses.ts';

export interface OthersState {
  /** Whether charts show them. */
  readonly shown: boolean;
  /** Null until they were asked for. */
  readonly kept: readonly NamedReport[] | null;
  readonly files: readonly NamedReport[];
}

const NOTHING: OthersState = { shown: false, kept: null, files: [] };
export const othersStore = createStore<OthersState>(() => NOTHING);

/** Kept and from files; an analysis that is in both comes once. */
export function allOthers({ kept, files }: Pick<OthersState, 'kept' | 'files'>): readonly NamedReport[] {
  const known = kept ?? [];
  return [...known, ...files.filter(({ report }) => !known.some((one) => isSameMeasurement(one.report, report)))];
}

/** Reads the kept analyses of the open model again, without this one of it. */
export async function readKept({ report, measuredOn }: Analysed): Promise<void> {
  const fingerprint = report?.model.fingerprint;
  if (!report || !measuredOn || !fingerprint) return;
  const kept = await keptBeside(fingerprint, calibrationText(measuredOn));
  // Reading takes time: another analysis may be on the page by now, which reads them itself.
  if (analysisStore.getState().report?.streams !== report.streams) return;
  const others = kept.filter((one) => !isSameMeasurement(one.report, report));
  othersStore.setState({ kept: others.map((one) => ({ name: nameOf(one), report: one.report })) });
}

const nameOf = ({ report, savedAtMs }: KeptReport): string =>
  `${calibrationWords(report.calibration)}, ${momentWords(savedAtMs)}`;

/** Adds a report file of the model of `report` and shows it. A report of another model, or no report at all, changes nothing. */
export async function openOther(file: File, report: AnalysisReport | null): Promise<void> {
  settle('others');
  try {
    const { MAX_JSON_BYTES, readText } = await import('./file-readers.ts');
    const source = { path: file.name, blob: file };
    const text = await readText(source, { code: 'inputs-invalid', maxBytes: MAX_JSON_BYTES.report });
    const other = { name: file.name, report: await background.readReport(text, file.name) };
    if (!report)
      throw new ContiguaError('not-ready', 'There is no analysis to compare with', {
        file: file.name,
        hint: 'Analyse the open model first.',
      });
    if (other.report.model.fingerprint !== report.model.fingerprint) {
      throw new ContiguaError('plan-mismatch', 'The report is of another model', {
        file: file.name,
        found: `${other.report.model.name} with fingerprint ${other.report.model.fingerprint}`,
        expected: `${report.model.name} with fingerprint ${report.model.fingerprint}`,
        hint: 'Compare reports of one model.',
      });
    }
    if (isSameMeasurement(other.report, report)) {
      throw new ContiguaError('plan-mismatch', 'The report is of the analysis on the page', {
        file: file.name,
        hint: 'Open one that was measured with another seed or on other inputs.',
      });
    }
    othersStore.setState(({ files }) => ({
      shown: true,
      files: [...files.filter((one) => !isSameMeasurement(one.report, other.report)), other],
    }));
  } catch (thrown) {
    showError('others', thrown);
  }
}

/** Follows the analysis on the page: another model has none of these. Returns how to stop. */
export function watchOthers(): () => void {
  return analysisStore.subscribe(({ report, measuredOn }, before) => {
    if (!report) {
      if (before.report) othersStore.setState(NOTHING);
      return;
    }
    // Damage that is measured later changes nothing here.
    if (report.streams === before.report?.streams) return;
    othersStore.setState(({ files }) => ({
      files: files.filter((one) => !isSameMeasurement(one.report, report)),
    }));
    if (othersStore.getState().kept) void readKept({ report, measuredOn });
  });
}
