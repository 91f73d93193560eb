import { describe, expect, it } from 'vitest';
import { DEFAULT_DETECTION } from '@/lib/core/detection/index.ts';
import { runEdit } from '@/lib/core/edit/index.ts';
import type { AnalysisReport, Matrix } from '@/lib/core/report/report.ts';
import { type BlockWordsOptions, blockWords } from './block-words.ts';
import { detectedIn } from './detection.ts';
import { damageOf, exampleReport, streamWith } from './report-fixtures.ts';

/** cka(u, k) with these differences Δ(u, ·). */
function similarities(rows: readonly (readonly (number | null)[])[]): Matrix {
  return rows.map((row, u) => {
    let value = 1;
    return row.map((delta, k) => {
      if (k < u) return null;
      if (k > u && delta === null) return null;
      value -= k === u ? 0 : (delta ?? 0);
      return value;
    });
  });
}
const _ = null;
/** From block 0: 0.2, 0.1, then 0.3 breaks; from block 3 the difference falls to the end. */
const MATRIX = similarities([
  [_, 0.2, 0.1, 0.3, 0.4, 0.4],
  [_, _, 0.2, 0.1, 0.1, 0.1],
  [_, _, _, 0.2, 0.1, 0.1],
  [_, _, _, _, 0.0008, 0.0003],
  [_, _, _, _, _, 0.1],
  [_, _, _, _, _, _],
]);
const R2 = [0.9, 0.8, 0.7, 0.431, -0.25, _];
function wordsOf(change: Partial<AnalysisReport> = {}, options: Partial<BlockWordsOptions> = {}) {
  const report = exampleReport(streamWith(MATRIX, R2), change);
  const detected = detectedIn(report, DEFAULT_DETECTION);
  return blockWords(report, { settings: DEFAULT_DETECTION, detected, ...options });
}

describe('what was found about a block', () => {
  it('begins with the held-out R² of its probes, and with the reason where there is none', () => {
    const words = wordsOf({}, { whyNoPart: ({ label }) => `nothing reads the ${label}` });
    expect(words[3]).toMatch(/^Probe R², held out: image 0\.43, text 0\.43\. /);
    expect(words[4]).toContain('image −0.25');
    expect(words[5]).toContain('image n/a (nothing reads the image)');
  });

  it('gives the bounds of an R² that was resampled, and the digits that tell one from 1', () => {
    const r2 = [0.9998, null, null, { low: 0.31, high: 0.52 }, null, null];
    const { streams } = exampleReport(streamWith(MATRIX, R2.with(0, 0.9998)));
    const probeBounds = { r2: r2.map((one) => (typeof one === 'number' ? null : one)), error: r2.map(() => null) };
    const text = { ...streams.text!, probeBounds };
    const words = wordsOf({ streams: { image: streams.image!, text } });
    expect(words[3]).toMatch(/^Probe R², held out: image 0\.43, text 0\.43 \(0\.31 to 0\.52\)\. /);
    expect(words[0]).toContain('image 0.9998, text 0.9998.');
  });

  it('tells of the block that ends a run the rise that ends it, with both values', () => {
    expect(wordsOf()[3]).toContain(
      'From block 0 the difference rises here, 0.3000 after 0.1000, so the interval [0, 2] ends before it. It starts the interval [3, 5].',
    );
  });

  it('says how often resampled prompts break there, where that is known', () => {
    const words = wordsOf({}, { found: [{ share: 0.62, resamples: 200 }] });
    expect(words[3]).toContain('ends before it (as in 62 % of 200 resamples).');
    expect(wordsOf()[3]).not.toContain('resamples');
  });

  it('tells of a later block of a run what keeps it in', () => {
    const words = wordsOf();
    expect(words[1]).toContain('It is in the interval [0, 2], with the first difference from block 0, 0.2000.');
    expect(words[2]).toContain(
      'It is in the interval [0, 2]: from block 0 the difference falls here, 0.1000 after 0.2000.',
    );
    expect(words[5]).toContain('falls here, 0.0003 after 0.0008.');
    expect(words[4]).toContain('with the first difference from block 3, 0.0008.');
  });

  it('ends with what the output loses without the block, or without the rest of its interval', () => {
    const words = wordsOf({
      damage: [
        { ...damageOf(runEdit({ first: 1, last: 2 }, 'nothing'), 0.131), bounds: { low: 0.11, high: 0.15 } },
        damageOf(runEdit({ first: 3, last: 5 }, 'nothing'), 0.5),
        damageOf(runEdit({ first: 2, last: 3 }, 'nothing'), null),
      ],
    });
    expect(words[2]).toMatch(/ Removing it costs 13 % output error \(11 % to 15 %\)\.$/);
    expect(words[3]).toMatch(/ Removing it makes the output overflow\.$/);
    expect(words[4]).toMatch(/ Removing blocks 4 to 5 costs 50 % output error\.$/);
    expect(words[1]).not.toContain('Removing');
  });

  it('says nothing of intervals where none are detected', () => {
    expect(wordsOf({}, { detected: [] })[3]).toBe('Probe R², held out: image 0.43, text 0.43.');
  });

  it('says of a run that ends at a seam that the seam is before the next block', () => {
    const stacks = [
      { id: 'dual', label: 'dual-stream blocks', first: 0, last: 1 },
      { id: 'single', label: 'single-stream blocks', first: 2, last: 5 },
    ];
    const { model } = exampleReport(streamWith(MATRIX, R2));
    const words = wordsOf({ model: { ...model, stacks } });
    expect(words[2]).toContain('The seam between two stacks is before it. It starts the interval [2, 5].');
  });
});
