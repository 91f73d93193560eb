/** What is measured after an analysis, added to its report as it arrives. */
import { editKey, type RunEdit, sameEdit, sameEdits } from '@/lib/core/edit/index.ts';
import {
  type AnalysisReport,
  type EditDamage,
  outputErrorOf,
  type PartDamage,
  partDamageOf,
  type WidthDamage,
  widthDamageOf,
} from '@/lib/core/report/report.ts';
import { showError } from '../browser/notices.ts';
import { analysisStore } from './analysis-store.ts';
import { measureQuietly } from './compute.ts';
import { reportProbes } from './probe-source.ts';
import { followRanking } from './ranking.ts';
import { showingRefit } from './refitting.ts';

export const isMeasured = (report: AnalysisReport, edit: RunEdit): boolean => outputErrorOf(report, edit) !== undefined;

/** Of a measurement that arrives one by one. */
const RESULTS_AT_ONCE = 8;

/** Measures the damage of edits that have none yet, when the worker is free. */
export async function measureDamage(edits: readonly RunEdit[]): Promise<void> {
  const { report, measuredOn, measuring } = analysisStore.getState();
  const probes = reportProbes(report, measuredOn)?.source;
  if (!report || !probes) return;
  const byKey = new Map(edits.filter((edit) => !isMeasured(report, edit)).map((edit) => [editKey(edit), edit]));
  const missing = [...byKey.values()];
  if (missing.length === 0 || sameEdits(missing, measuring)) return;
  analysisStore.setState({ measuring: missing });
  const arrived: EditDamage[] = [];
  try {
    // Results are kept as they arrive: a measurement that is stopped continues after them. In groups, as each ranks anew.
    const damage = await showingRefit((onProgress) =>
      measureQuietly('damage', { edits: missing, probes }, (progress) => {
        onProgress(progress);
        if (progress.partial) arrived.push(progress.partial);
        if (arrived.length >= RESULTS_AT_ONCE) addDamage(report, arrived.splice(0));
      }),
    );
    addDamage(report, damage ?? arrived);
  } catch (thrown) {
    showError('damage', thrown);
  } finally {
    if (analysisStore.getState().measuring === missing) analysisStore.setState({ measuring: [] });
  }
}

/** To the analysis that was measured for, which may have made room for another one meanwhile. */
export function addDamage(of: AnalysisReport, measured: readonly EditDamage[]): void {
  const { report: present } = analysisStore.getState();
  if (present?.streams !== of.streams) return;
  const fresh = measured.filter(({ edit }) => !present.damage.some((known) => sameEdit(known.edit, edit)));
  if (fresh.length === 0) return;
  const report = { ...present, damage: [...present.damage, ...fresh] };
  analysisStore.setState({ report });
  followRanking(report);
}

/** The same for parts of blocks, which rank nothing. */
export function addParts(of: AnalysisReport, measured: readonly PartDamage[]): void {
  const { report: present } = analysisStore.getState();
  if (present?.streams !== of.streams) return;
  const fresh = measured.filter(({ block, part }) => !partDamageOf(present, block, part));
  if (fresh.length > 0) analysisStore.setState({ report: { ...present, parts: [...present.parts, ...fresh] } });
}

/** The same for text groups and feed-forward layers. */
export function addWidth(of: AnalysisReport, measured: readonly WidthDamage[]): void {
  const { report: present } = analysisStore.getState();
  if (present?.streams !== of.streams) return;
  const fresh = measured.filter(({ edit }) => !widthDamageOf(present, edit));
  if (fresh.length > 0) analysisStore.setState({ report: { ...present, width: [...(present.width ?? []), ...fresh] } });
}
