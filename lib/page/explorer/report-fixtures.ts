/** Small reports, for tests alone. */
import type { AnalysisReport, Matrix, StreamAnalysis } from '@/lib/core/report/report.ts';
import { REPORT_VERSION } from '@/lib/core/report/report.ts';

/** Every reading of every estimator is the one matrix of similarities. */
export function streamWith(similarity: Matrix, probeError: StreamAnalysis['probeError']): StreamAnalysis {
  const readings = {
    'block-u/teacher-after-k': similarity,
    'block-u/teacher-after-u': similarity,
    'probe-u/teacher-after-k': similarity,
    'probe-u/teacher-after-u': similarity,
  };
  return {
    probeR2: probeError,
    probeError,
    cka: { debiased: similarity, biased: similarity },
    trajectories: { debiased: readings, biased: readings },
  };
}

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
    settings: { ridge: 1e-6, heldOutShare: 0.25, split: 'golden-ratio', damageSamples: 2 },
    streams: { image: stream, text: stream },
    damage: [],
    directionErrors: Array.from({ length: numBlocks }, () => new Array<number | null>(numBlocks).fill(null)),
    blockMs: new Array<number>(numBlocks).fill(1),
    engine: { name: 'cpu', device: 'test' },
    stagesMs: {},
    ...change,
  };
}
