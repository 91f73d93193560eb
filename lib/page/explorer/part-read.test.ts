import { describe, expect, it } from 'vitest';
import {
  DEFAULT_DETECTION,
  type DetectionSettings,
  detectIntervals,
  scoreCorrelations,
} from '@/lib/core/detection/index.ts';
import { runEdit } from '@/lib/core/edit/index.ts';
import { exampleModel, reportOf } from '@/lib/core/planner/planner-fixtures.ts';
import type { StreamAnalysis } from '@/lib/core/report/report.ts';
import { streamWith } from '@/lib/core/report/report-fixtures.ts';
import { partRead } from './part-read.ts';
import { planWithin, solve } from './planned.ts';
import { DEFAULT_PLANNER } from './planner.ts';
import { damageOf } from './report-fixtures.ts';

/** Held-out and all tokens, image and text, all with other numbers. */
function mixedReport(numBlocks: number) {
  const matrix = (seed: number) =>
    Array.from({ length: numBlocks }, (_, u) =>
      Array.from({ length: numBlocks }, (_, k) =>
        k < u ? null : 1 - ((k - u) * (7 + ((u * 5 + k * seed) % 11))) / 400,
      ),
    );
  const stream = (seed: number): StreamAnalysis => {
    const [of, other] = [seed, seed + 3].map((one) => streamWith(matrix(one), matrix(one)[0]!));
    const heldOut = { ...of!.similarity['held-out']!, rows: 40 };
    const bounds = { cka: heldOut.cka, trajectories: heldOut.trajectories } as never;
    return {
      ...of!,
      similarity: { 'held-out': { ...heldOut, bounds }, all: { ...other!.similarity.all!, rows: 90 } },
      bands: [{ probeR2: of!.probeR2, probeError: of!.probeError, similarity: heldOut }],
    };
  };
  const report = reportOf(Array.from({ length: numBlocks }, (_, k) => 0.01 * (1 + (k % 3))));
  const damage = report.blockMs
    .slice(1)
    .map((_, k) => damageOf(runEdit({ first: k, last: k + 1 }, 'nothing'), 0.1 + ((k * 5) % 7) / 50));
  return { ...report, model: { ...report.model, width: 30 }, streams: { image: stream(2), text: stream(5) }, damage };
}

describe('the part of a report that is read under settings', () => {
  const report = mixedReport(12);
  const settings: readonly DetectionSettings[] = (['held-out', 'all'] as const).flatMap((rows) =>
    ['mean', 'text'].map((streams) => ({ ...DEFAULT_DETECTION, rows, streams })),
  );

  it.each(settings)('says what the whole says, of $streams over $rows tokens', (detection) => {
    const part = partRead(report, detection);
    expect(detectIntervals(part, detection)).toEqual(detectIntervals(report, detection));
    const correlations = scoreCorrelations(report, detection);
    expect(correlations.filter(({ correlation }) => correlation !== null).length).toBeGreaterThan(1);
    expect(scoreCorrelations(part, detection)).toEqual(correlations);
    const plans = [report, part].map((one) => {
      const asked = { ...DEFAULT_PLANNER, offers: [] };
      return planWithin(
        solve({ model: exampleModel(12), report: one, read: { detection, replaceBy: 'probes' }, asked }),
        '60%',
      );
    });
    expect(plans[0]?.best).not.toBeNull();
    expect(plans[1]).toEqual(plans[0]);
  });

  it('is a small one', () => {
    const sizes = [report, partRead(report, DEFAULT_DETECTION)].map(({ streams }) => JSON.stringify(streams).length);
    expect(sizes[1]).toBeLessThan(0.4 * sizes[0]!);
  });
});
