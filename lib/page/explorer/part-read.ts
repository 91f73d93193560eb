/** What of a report crosses to the background worker to be read under some settings. Pure. */
import type { DetectionSettings } from '@/lib/core/detection/index.ts';
import type { AnalysisReport, Matrix, PerReading, Similarity, StreamAnalysis } from '@/lib/core/report/report.ts';

/**
 * All that detection, scores and plans read: similarities over the tokens that the settings name, without resamples and noise levels. An
 * eighth of a report's numbers, which are copied anew with every measurement that is added.
 */
export function partRead(report: AnalysisReport, { rows }: Pick<DetectionSettings, 'rows'>): AnalysisReport {
  return { ...report, streams: streamsRead(report.streams, rows), confidence: null };
}

const known = new WeakMap<AnalysisReport['streams'], Map<DetectionSettings['rows'], AnalysisReport['streams']>>();

/** The same object for the same streams: what it is sent to need not be sent it again. */
function streamsRead(streams: AnalysisReport['streams'], rows: DetectionSettings['rows']): AnalysisReport['streams'] {
  const byRows = known.get(streams) ?? new Map<DetectionSettings['rows'], AnalysisReport['streams']>();
  known.set(streams, byRows);
  const read =
    byRows.get(rows) ?? Object.fromEntries(Object.entries(streams).map(([id, stream]) => [id, partOf(stream, rows)]));
  byRows.set(rows, read);
  return read;
}

function partOf(stream: StreamAnalysis, rows: DetectionSettings['rows']): StreamAnalysis {
  const read = (of: DetectionSettings['rows']) => {
    const similarity = stream.similarity[of];
    return similarity && (of === rows ? { ...similarity, bounds: null } : counted(similarity));
  };
  return {
    ...stream,
    probeBounds: null,
    similarity: { 'held-out': read('held-out'), all: read('all') },
    bands: [],
  };
}

const NO_READINGS: PerReading<Matrix> = {
  'block-u/teacher-after-k': [],
  'block-u/teacher-after-u': [],
  'probe-u/teacher-after-k': [],
  'probe-u/teacher-after-u': [],
};

/** How many tokens there are says what can be read of the others. */
const counted = (similarity: Similarity): Similarity => ({
  ...similarity,
  cka: { debiased: [], biased: [] },
  trajectories: { debiased: NO_READINGS, biased: NO_READINGS },
  bounds: null,
});
