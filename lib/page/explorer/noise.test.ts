import { describe, expect, it } from 'vitest';
import { DEFAULT_DETECTION, scoreNamed, similarityOf } from '@/lib/core/detection/index.ts';
import { runEdit } from '@/lib/core/edit/index.ts';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { EXAMPLE_SPLIT } from '@/lib/core/report/report-fixtures.ts';
import { breakFindings } from './break-words.ts';
import { detectedIn } from './detection.ts';
import { bandWords, readingOf, whyNoBands } from './noise.ts';
import { measureText, noiseMeasure, noiseWords } from './noise-measure.ts';
import { damageOf, exampleReport, streamWith, withBands } from './report-fixtures.ts';

/** Every run breaks after so many blocks. */
function cut(every: number, numBlocks = 6) {
  return Array.from({ length: numBlocks }, (_, u) => {
    let value = 1;
    return Array.from({ length: numBlocks }, (_, k) => {
      if (k < u) return null;
      if (k > u) value -= (k - u) % every === 0 ? 0.1 : 0.05 / (k - u);
      return value;
    });
  });
}
const errors = [0.4, 0.3, 0.2, 0.1, 0.2, 0.3];
const whole = exampleReport(streamWith(cut(2), errors));
const banded = withBands(whole, [
  streamWith(cut(3), [0.9, 0.5, 0.2, 0.1, 0.2, 0.3]),
  streamWith(cut(2), [0.4, 0.3, 0.2, 0.1, 0.2, 0.3]),
  streamWith(cut(2), [0.1, 0.1, 0.2, 0.1, 0.2, 0.7]),
]);
const alone = (block: number, together: number, bands: readonly (number | null)[]) => ({
  ...damageOf(runEdit({ first: block - 1, last: block }, 'nothing'), together),
  bands,
});
const measured: AnalysisReport = {
  ...banded,
  damage: [1, 2, 3, 4, 5].map((block) => alone(block, block / 100, [block / 10, 0.01, 0.5 / block])),
};

describe('a noise level', () => {
  const early = readingOf(measured, DEFAULT_DETECTION, 'early');

  it('reads probes, similarities, detected intervals and errors of its timesteps alone', () => {
    expect(early.band?.id).toBe('early');
    expect(early.report.streams.image?.probeError[0]).toBe(0.9);
    const [together, here] = [measured, early.report].map((report) => detectedIn(report, DEFAULT_DETECTION));
    expect(together?.[0]).toEqual({ first: 0, last: 1 });
    expect(here?.[0]).toEqual({ first: 0, last: 2 });
    expect(similarityOf(early.report, early.settings, { first: 0, last: 2 })).toBeCloseTo(0.925, 9);
    expect(scoreNamed('removed').of(early.report, { first: 1, last: 2 }, early.settings)).toBe(0.2);
    expect(early.report.calibration.heldOutTokens).toEqual({ image: 10, text: 10 });
  });

  it('tells the tokens that its probes are judged on, more than its similarities are taken over', () => {
    const tokens = (heldOut: number) => ({ image: { all: 640, heldOut }, text: { all: 90, heldOut: heldOut / 8 } });
    const [band] = measured.bands;
    const timesteps = (band?.timesteps ?? []).map((timestep, i) => ({
      timestep,
      samples: 8,
      heldOut: 2,
      tokens: tokens(64 * (i + 1)),
    }));
    const other = { timestep: 0.001, samples: 8, heldOut: 2, tokens: tokens(1000) };
    const split = { ...EXAMPLE_SPLIT, timesteps: [other, ...timesteps] };
    const { report } = readingOf({ ...measured, split }, DEFAULT_DETECTION, 'early');
    const sum = (timesteps.length * (timesteps.length + 1)) / 2;
    expect(report.calibration.heldOutTokens).toEqual({ image: 64 * sum, text: 8 * sum });
    expect(report.streams.image?.similarity['held-out']?.rows).toBe(10);
  });

  it('has no figure of all timesteps where it has none of its own', () => {
    const unmeasured = { ...measured, damage: [damageOf(runEdit({ first: 0, last: 1 }, 'nothing'), 0.3)] };
    const { report, settings } = readingOf(unmeasured, DEFAULT_DETECTION, 'late');
    expect(scoreNamed('removed').of(report, { first: 0, last: 1 }, settings)).toBeNull();
    expect(report.confidence).toBeNull();
    expect(report.streams.text?.similarity.all).toBeNull();
  });

  it('is read on held-out tokens, whatever tokens the reading of all timesteps is over', () => {
    const all = { ...DEFAULT_DETECTION, rows: 'all' as const };
    expect(readingOf(measured, all, 'late').settings.rows).toBe('held-out');
    expect(readingOf(measured, all, 'together')).toMatchObject({ report: measured, settings: all, band: null });
  });

  it('stays the same object when damage is measured, so that no chart is drawn anew', () => {
    const more = { ...measured, damage: [] };
    expect(readingOf(more, DEFAULT_DETECTION, 'early').report.streams).toBe(early.report.streams);
    expect(readingOf(measured, DEFAULT_DETECTION, 'early').report).toBe(early.report);
  });

  it('that a report does not hold is read together, and the page says why', () => {
    expect(readingOf(whole, DEFAULT_DETECTION, 'early').report).toBe(whole);
    expect(whyNoBands(whole)).toContain('too few timesteps');
    expect(whyNoBands({ ...whole, split: { rule: 'golden-ratio', share: 0.25 } })).toContain('An earlier version');
    expect(whyNoBands(banded)).toBeNull();
  });

  it('is named with its timesteps', () => {
    expect(banded.bands.map(bandWords)).toEqual([
      'early noise, timesteps 0.7 to 0.9',
      'middle noise, timesteps 0.4 to 0.6',
      'late noise, timesteps 0.1 to 0.3',
    ]);
  });
});

describe('where blocks matter at each noise level', () => {
  it('is the output error without the block, where every block was taken out alone', () => {
    const found = noiseMeasure(measured);
    expect(found?.measure).toBe('removal');
    expect(found?.rows.map(({ id }) => id)).toEqual(['together', 'early', 'middle', 'late']);
    expect(found?.rows[1]?.values).toEqual([null, 0.1, 0.2, 0.3, 0.4, 0.5]);
    expect(noiseWords(found!)).toBe(
      'Largest, by block: early 5 (50 %), 4 (40 %); middle 1 (1.0 %), 2 (1.0 %); late 1 (50 %), 2 (25 %).',
    );
  });

  it('is the mean error of the probes as long as a block is missing, and nothing without levels', () => {
    const found = noiseMeasure({ ...measured, damage: measured.damage.slice(1) });
    expect(found?.measure).toBe('probe');
    expect(found?.rows[3]?.values[5]).toBeCloseTo(0.7, 12);
    expect(measureText('probe', 0.7)).toBe('0.700');
    expect(noiseMeasure(whole)).toBeNull();
  });
});

describe('how often resampled prompts break at the same block', () => {
  const reading = { ...DEFAULT_DETECTION };
  const confidence: AnalysisReport['confidence'] = {
    level: 0.95,
    resamples: 200,
    seed: 1,
    groups: 4,
    detections: [
      {
        estimator: 'debiased',
        start: 'block-u',
        target: 'teacher-after-k',
        streams: 'mean',
        intervals: [],
        breaks: [
          { start: 0, block: 1, share: 0.8 },
          { start: 0, block: 2, share: 0.2 },
          { start: 2, block: 5, share: 1 },
        ],
      },
    ],
  };

  it('is the share of the break that the report itself has', () => {
    const found = breakFindings({ ...whole, confidence }, reading);
    expect(found?.[0]).toEqual({ share: 0.8, resamples: 200 });
    // No resample breaks from block 1 as the report does; from block 4 the report has no break.
    expect(found?.[1]?.share).toBe(0);
    expect(found?.[4]?.share).toBeNull();
  });

  it('is unknown for other readings and rows, and where nothing was resampled', () => {
    const report = { ...whole, confidence };
    expect(breakFindings(report, { ...reading, estimator: 'biased' })).toBeNull();
    expect(breakFindings(report, { ...reading, rows: 'all' })).toBeNull();
    expect(breakFindings(whole, reading)).toBeNull();
  });
});
