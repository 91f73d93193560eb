/**
 * Reports of version 2 as today's. Their similarities were over all tokens, those that the probes were fitted on included,
 * and their held-out figures are of a split that put a prompt on both sides: `split` says so, and nothing stands for what
 * was not measured.
 */
import { type AnalysisReport, REPORT_VERSION, type ReportSettings, type SplitFacts } from './report.ts';
import type { ReportV2 } from './schema-v2.ts';

export function upgradeReport({ model, settings, streams, damage, calibration, ...rest }: ReportV2): AnalysisReport {
  return {
    ...rest,
    ...upgradeSettings(settings),
    version: REPORT_VERSION,
    model: { ...model, width: null },
    calibration,
    bands: [],
    confidence: null,
    streams: Object.fromEntries(
      Object.entries(streams).map(([id, { probeR2, probeError, cka, trajectories }]) => {
        const all = { rows: calibration.tokens[id] ?? 0, cka, trajectories, bounds: null };
        return [id, { probeR2, probeError, probeBounds: null, similarity: { 'held-out': null, all }, bands: [] }];
      }),
    ),
    damage: damage.map((one) => ({ ...one, bounds: null, bands: [] })),
    proxies: null,
    parts: [],
  };
}

/** Version 2 named the rule of the split and its share among the settings, in reports and in plans. */
export function upgradeSettings({ heldOutShare, split, ...settings }: ReportV2['settings']): {
  settings: ReportSettings;
  split: SplitFacts;
} {
  return { settings, split: { rule: split, share: heldOutShare } };
}
