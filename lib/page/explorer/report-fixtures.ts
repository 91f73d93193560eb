/** Small reports, for tests alone. */
import type { AnalysisReport, StreamAnalysis } from '@/lib/core/report/report.ts';
import { REPORT_VERSION } from '@/lib/core/report/report.ts';
import { EXAMPLE_SPLIT, similarityWith } from '@/lib/core/report/report-fixtures.ts';

export { damageOf, streamWith } from '@/lib/core/report/report-fixtures.ts';

/** A model of two streams, each with these numbers. */
export function exampleReport(stream: StreamAnalysis, change: Partial<AnalysisReport> = {}): AnalysisReport {
  const numBlocks = stream.probeR2.length;
  return {
    version: REPORT_VERSION,
    model: {
      name: 'example',
      fingerprint: 'sha256:00',
      className: 'QwenImageTransformer2DModel',
      family: 'qwen-image',
      numBlocks,
      width: null,
      streams: [
        { id: 'image', label: 'image' },
        { id: 'text', label: 'text' },
      ],
      stacks: [{ id: 'blocks', label: 'blocks', first: 0, last: numBlocks - 1 }],
      blocks: Array.from({ length: numBlocks }, () => ({ kind: 'dual', stack: 'blocks', updates: ['image', 'text'] })),
    },
    calibration: {
      kind: 'synthetic',
      label: 'SYNTHETIC',
      seed: 1,
      file: null,
      samples: 8,
      timesteps: [0.5],
      tokens: { image: 8, text: 8 },
      fitTokens: { image: 6, text: 6 },
      heldOutTokens: { image: 2, text: 2 },
    },
    settings: { ridge: 1e-6, damageSamples: 2 },
    split: EXAMPLE_SPLIT,
    bands: [],
    confidence: null,
    streams: { image: stream, text: stream },
    damage: [],
    directionErrors: Array.from({ length: numBlocks }, () => new Array<number | null>(numBlocks).fill(null)),
    proxies: null,
    parts: [],
    blockMs: new Array<number>(numBlocks).fill(1),
    engine: { name: 'cpu', device: 'test' },
    stagesMs: {},
    ...change,
  };
}

/** The same report with three noise levels of these streams, early first, each on its own timesteps. */
export function withBands(report: AnalysisReport, bands: readonly StreamAnalysis[]): AnalysisReport {
  const ids = ['early', 'middle', 'late'] as const;
  const parts = bands.map(({ probeR2, probeError, similarity }, at) => {
    const one = similarity['held-out'] ?? similarityWith([[1]]);
    return { probeR2, probeError, similarity: { ...one, rows: 10 + at } };
  });
  return {
    ...report,
    bands: ids.slice(0, bands.length).map((id, at) => ({
      id,
      label: id,
      timesteps: [0.7 - at * 0.3, 0.9 - at * 0.3],
      heldOutSamples: 2,
    })),
    streams: Object.fromEntries(Object.entries(report.streams).map(([id, one]) => [id, { ...one, bands: parts }])),
  };
}
