/**
 * A report as it reads for one band of timesteps: early (high noise), middle or late. The same shape as the whole report,
 * so that whatever draws or ranks one can draw a band; what was not measured for bands apart is missing, never the figure
 * of all timesteps.
 */
import type { AnalysisReport, NoiseBand, PerStream, SplitFacts, StreamAnalysis } from './report.ts';

export type NoiseBandId = NoiseBand['id'];

/** By the streams of the whole report, which stay the same object when damage is added to it. */
const streamsOf = new WeakMap<AnalysisReport['streams'], Map<NoiseBandId, AnalysisReport['streams']>>();

/** Null where the report has no such band. Similarities are over held-out tokens alone. */
export function reportAtNoise(report: AnalysisReport, id: NoiseBandId): AnalysisReport | null {
  const at = report.bands.findIndex((band) => band.id === id);
  const band = report.bands[at];
  if (!band) return null;
  const streams = streamsAt(report, id, at);
  if (!streams) return null;
  return {
    ...report,
    calibration: {
      ...report.calibration,
      timesteps: band.timesteps,
      heldOutTokens: heldOutAt(report.split, band, streams),
    },
    bands: [],
    confidence: null,
    streams,
    damage: report.damage.flatMap(({ edit, bands }) => {
      const outputError = bands[at];
      return outputError === undefined ? [] : [{ edit, outputError, bounds: null, bands: [] }];
    }),
    directionErrors: report.directionErrors.map((row) => row.map(() => null)),
    proxies: null,
    width: report.width?.flatMap((one) => {
      const outputError = one.bands[at];
      return outputError === undefined ? [] : [{ ...one, outputError, bounds: null, bands: [] }];
    }),
    parts: report.parts.flatMap(({ block, part, bands }) => {
      const outputError = bands[at];
      return outputError === undefined ? [] : [{ block, part, outputError, bounds: null, bands: [] }];
    }),
  };
}

/**
 * Tokens that the band's probes are judged on: all of its timesteps, while similarities are taken over some of them. A split
 * without tokens, of an earlier version, leaves the number that similarities were taken over.
 */
function heldOutAt(split: SplitFacts, { timesteps }: NoiseBand, streams: AnalysisReport['streams']): PerStream<number> {
  const at = split.rule === 'prompt-groups' ? split.timesteps.filter((one) => timesteps.includes(one.timestep)) : [];
  return Object.fromEntries(
    Object.entries(streams).map(([stream, { similarity }]) => {
      const counts = at.flatMap(({ tokens }) => tokens?.[stream]?.heldOut ?? []);
      const isKnown = at.length > 0 && counts.length === at.length;
      return [stream, isKnown ? counts.reduce((sum, n) => sum + n, 0) : (similarity['held-out']?.rows ?? 0)];
    }),
  );
}

function streamsAt({ streams }: AnalysisReport, id: NoiseBandId, at: number): AnalysisReport['streams'] | null {
  const known = streamsOf.get(streams) ?? new Map<NoiseBandId, AnalysisReport['streams']>();
  streamsOf.set(streams, known);
  const found = known.get(id);
  if (found) return found;
  const read: Record<string, StreamAnalysis> = {};
  for (const [stream, { bands }] of Object.entries(streams)) {
    const band = bands[at];
    if (!band) return null;
    const { probeR2, probeError, similarity } = band;
    const similarities = { 'held-out': similarity, all: null };
    read[stream] = { probeR2, probeError, probeBounds: null, similarity: similarities, bands: [] };
  }
  known.set(id, read);
  return read;
}
