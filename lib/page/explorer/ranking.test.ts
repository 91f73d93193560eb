import { beforeEach, describe, expect, it } from 'vitest';
import { ffnEdit, runEdit, textStreamEdit } from '@/lib/core/edit/index.ts';
import type { Matrix } from '@/lib/core/report/report.ts';
import { noticeStore } from '../browser/notices.ts';
import { followRanking, setDetection, setRanking, takeBlocks, takeLeast, takenStore } from './ranking.ts';
import { damageOf, exampleReport, streamWith } from './report-fixtures.ts';
import { beginSelection, choose, newEdit, presentNarrower, presentRuns, replaceAllBy } from './selection.ts';
import { DEFAULT_SETTINGS, settingsStore } from './settings.ts';

const BLOCKS = 6;
/** Intervals 0–1, 2–3 and 4–5, of which 2–3 keeps most of the state, then 0–1. */
const similarity: Matrix = [
  [1, 0.95, 0.7, 0.6, 0.5, 0.4],
  [null, 1, 0.9, 0.6, 0.5, 0.4],
  [null, null, 1, 0.99, 0.7, 0.6],
  [null, null, null, 1, 0.9, 0.6],
  [null, null, null, null, 1, 0.9],
  [null, null, null, null, null, 1],
];
const blocks = Array.from({ length: BLOCKS }, () => 0.5);
const stream = streamWith(similarity, blocks);
const error = (first: number, outputError: number) =>
  damageOf(runEdit({ first, last: first + 1 }, 'nothing'), outputError);
const report = exampleReport(stream, { damage: [error(0, 0.3), error(2, 0.2), error(4, 0.1)] });
const edits = () => presentRuns();
const chosen = () => edits().map(({ first, last }) => ({ first, last }));

describe('the slider’s choice', () => {
  beforeEach(() => {
    settingsStore.setState(DEFAULT_SETTINGS);
    beginSelection({ numBlocks: BLOCKS }, []);
    takenStore.setState({ by: 'budget', intervals: [] });
  });

  it('follows the ranking when another score is chosen, and comes back by one undo', () => {
    takeBlocks(report, 1);
    expect(chosen()).toEqual([{ first: 2, last: 3 }]);
    setRanking(report, { score: 'removed' });
    expect(chosen()).toEqual([{ first: 4, last: 5 }]);
    choose({ type: 'undo' });
    expect(chosen()).toEqual([{ first: 2, last: 3 }]);
  });

  it('follows damage that is measured after it was made', () => {
    setRanking(report, { score: 'removed' });
    takeBlocks({ ...report, damage: [error(0, 0.3)] }, 1);
    expect(chosen()).toEqual([{ first: 0, last: 1 }]);
    followRanking(report);
    expect(chosen()).toEqual([{ first: 4, last: 5 }]);
  });

  it('follows another reading of the report', () => {
    const text = flat(0.5);
    const both = { ...report, streams: { image: stream, text } };
    setDetection(both, { streams: 'image' });
    takeBlocks(both, 1);
    expect(chosen()).toEqual([{ first: 2, last: 3 }]);
    setDetection(both, { streams: 'text' });
    expect(chosen()).toEqual([{ first: 0, last: 1 }]);
  });

  it('of least total stays that choice when another score ranks, and follows another reading', () => {
    takeBlocks(report, 2);
    takeLeast(report);
    const least = chosen();
    setRanking(report, { score: 'removed' });
    expect(chosen()).toEqual(least);
    const text = flat(0.5);
    setDetection({ ...report, streams: { image: stream, text } }, { streams: 'text' });
    expect(chosen()).not.toEqual(least);
  });

  it('keeps what replaces a run as it grows, and gives new runs the default', () => {
    takeBlocks(report, 1);
    choose({ type: 'replace-by', by: 'probes', interval: { first: 2, last: 3 } });
    takeBlocks(report, 2);
    expect(edits().map(({ first, by }) => [first, by])).toEqual([
      [0, 'nothing'],
      [2, 'probes'],
    ]);
    choose({ type: 'clear' });
    replaceAllBy('probes');
    takeBlocks(report, 1);
    expect(edits()).toEqual([runEdit({ first: 2, last: 3 }, 'probes')]);
  });

  it('does not follow the ranking where a text group would be lost, until the group is gone', () => {
    const group = textStreamEdit({ first: 3, last: 4 });
    setRanking(report, { score: 'removed' });
    takeBlocks({ ...report, damage: [error(0, 0.3)] }, 1);
    choose({ type: 'add', edit: group });
    followRanking(report);
    expect(chosen()).toEqual([{ first: 0, last: 1 }]);
    expect(presentNarrower()).toEqual([group]);
    choose({ type: 'remove', interval: group, on: 'text-stream' });
    followRanking(report);
    expect(chosen()).toEqual([{ first: 4, last: 5 }]);
  });

  it('says which narrower blocks it takes away, and not where it takes none', () => {
    choose({ type: 'add', edit: ffnEdit(3, 'image') });
    choose({ type: 'add', edit: ffnEdit(5, 'image') });
    takeBlocks(report, 1);
    expect(presentNarrower()).toEqual([ffnEdit(5, 'image')]);
    const titles = () => noticeStore.getState().notices.map(({ title }) => title);
    expect(titles()).toEqual(['No longer chosen: FFN image 3']);
    choose({ type: 'undo' });
    expect(titles()).toEqual([]);
  });

  it('is told from a choice of one’s own, which stays, even if the slider would have made the same', () => {
    choose({ type: 'add', edit: newEdit({ first: 2, last: 3 }) });
    setRanking(report, { score: 'removed' });
    expect(chosen()).toEqual([{ first: 2, last: 3 }]);
  });
});

/** Every block alike from every start: one interval over the whole depth. */
function flat(value: number) {
  const matrix = similarity.map((row) => row.map((entry) => (entry === null ? null : value)));
  return streamWith(matrix, blocks);
}
