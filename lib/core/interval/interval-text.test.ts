import { describe, expect, it } from 'vitest';
import { refusalOf } from '../../testing/refusal.ts';
import {
  formatIntervalKeys,
  formatIntervalParam,
  formatLayerIndex,
  parseIntervalKeys,
  parseIntervalParam,
  parseLayerIndex,
} from './interval-text.ts';

const MODEL = { numBlocks: 16 };
const SET = [
  { first: 3, last: 4 },
  { first: 5, last: 7 },
];

describe('intervals as text', () => {
  it("writes the trainer's --layer_index and reads it back, spaces and order aside", () => {
    expect(formatLayerIndex(SET)).toBe('[[3,4],[5,7]]');
    expect(parseLayerIndex(' [ [5, 7], [3, 4] ] ', MODEL, '--intervals')).toEqual(SET);
    expect(formatLayerIndex([])).toBe('[]');
    expect(parseLayerIndex('[]', MODEL, '--intervals')).toEqual([]);
  });

  it('writes the form for a link and reads it back', () => {
    expect(formatIntervalParam(SET)).toBe('3-4.5-7');
    expect(parseIntervalParam('3-4.5-7', MODEL, 'the link')).toEqual(SET);
    expect(parseIntervalParam('', MODEL, 'the link')).toEqual([]);
  });

  it('writes the keys of students and reads them back in any order', () => {
    expect(formatIntervalKeys(SET)).toBe('3-4,5-7');
    expect(parseIntervalKeys('5-7, 3-4', MODEL, '--plugged')).toEqual(SET);
    expect(parseIntervalKeys('', MODEL, '--plugged')).toEqual([]);
    expect(refusalOf(() => parseIntervalKeys('3-4;5-7', MODEL, '--plugged')).details.found).toBe('3-4;5-7');
  });

  it.each([
    ['[[3,4],[4,7]]', '[3,4] and [4,7]'],
    ['[[3,16]]', '[3,16]'],
    ['[[4,3]]', '[4,3]'],
    ['[[4,4]]', '[4,4]'],
    ['[[1.5,3]]', '[1.5,3]'],
    ['[[-1,3]]', '[-1,3]'],
    ['[[1,2,3]]', '[1,2,3]'],
    ['[["1",2]]', '["1",2]'],
    ['[3,4]', '3'],
    ['{}', '{}'],
    ['3-4', '3-4'],
    ['', 'nothing'],
  ])('refuses %j, saying what was found and where', (text, found) => {
    const error = refusalOf(() => parseLayerIndex(text, MODEL, '--intervals'));
    expect(error.code).toBe('plan-invalid');
    expect(error.details.file).toBe('--intervals');
    expect(error.details.found).toBe(found);
  });

  it.each(['3', '3-', '3-4.', '3-4,5-7', '3--4', '3-4.4-6', '3-400', 'a-b'])('refuses the link %j', (text) => {
    expect(refusalOf(() => parseIntervalParam(text, MODEL, 'the link')).code).toBe('plan-invalid');
  });
});
