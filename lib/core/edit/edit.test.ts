import { describe, expect, it } from 'vitest';
import { refusalOf } from '../../testing/refusal.ts';
import {
  editKey,
  editSetOf,
  formatEditParam,
  mappedRuns,
  parseEditParam,
  parseRunParam,
  RUN_REPLACEMENTS,
  replacementWord,
  runEdit,
  runEdits,
  sameEdit,
  sameEdits,
} from './index.ts';

const DEPTH = {
  numBlocks: 16,
  stacks: [
    { first: 0, last: 9 },
    { first: 10, last: 15 },
  ],
  width: 64,
  textStream: 'text',
  whyNot: () => null,
};
const MIXED = [
  runEdit({ first: 3, last: 4 }, 'nothing'),
  runEdit({ first: 7, last: 9 }, 'probes'),
  runEdit({ first: 10, last: 12 }, 'student'),
];

describe('edits', () => {
  it('are the same where run and replacement are', () => {
    const [edit] = MIXED;
    expect(sameEdit(edit!, { ...edit! })).toBe(true);
    expect(sameEdit(edit!, { ...edit!, last: 5 })).toBe(false);
    expect(sameEdit(edit!, { ...edit!, by: 'probes' })).toBe(false);
    expect(
      sameEdits(
        MIXED,
        MIXED.map((one) => ({ ...one })),
      ),
    ).toBe(true);
    expect(sameEdits(MIXED, MIXED.slice(1))).toBe(false);
    expect(sameEdits(runEdits(MIXED, 'probes'), MIXED)).toBe(false);
  });

  it('have keys that tell apart replacements of one run', () => {
    const [run] = MIXED;
    expect(new Set(RUN_REPLACEMENTS.map((by) => editKey(runEdit(run!, by)))).size).toBe(4);
    expect(MIXED.map(editKey)).toEqual(['3-4 nothing', '7-9 probes', '10-12 student']);
    expect(RUN_REPLACEMENTS.map(replacementWord)).toEqual(['removed', 'probes', 'linear', 'student']);
  });

  it('put a probe at each later block of a run by probes, and one map across a run by a linear map', () => {
    expect(mappedRuns(MIXED)).toEqual([
      { first: 7, last: 8 },
      { first: 8, last: 9 },
    ]);
    expect(mappedRuns([runEdit({ first: 7, last: 9 }, 'linear')])).toEqual([{ first: 7, last: 9 }]);
    expect(mappedRuns(runEdits(MIXED, 'nothing'))).toEqual([]);
  });
});

describe('a set of edits', () => {
  it('is in order of depth, each with its replacement', () => {
    expect(editSetOf([...MIXED].reverse(), DEPTH, 'here')).toEqual(MIXED);
  });

  it.each([
    ['beyond the model', [runEdit({ first: 14, last: 16 }, 'nothing')], /here: .*found \[14,16\]/],
    ['across the seam', [runEdit({ first: 9, last: 10 }, 'student')], /different stacks/],
    ['of one block', [runEdit({ first: 2, last: 2 }, 'probes')], /One block alone/],
    ['that share a block', [...MIXED, runEdit({ first: 4, last: 5 }, 'student')], /found \[3,4\] and \[4,5\]/],
  ])('refuses runs %s, naming where they come from', (_, edits, message) => {
    const error = refusalOf(() => editSetOf(edits, DEPTH, 'here'));
    expect(error.code).toBe('plan-invalid');
    expect(error.message).toMatch(message);
  });
});

describe('edits as text', () => {
  it.each([
    ['nothing', '3-4.7-9p.10-12s'],
    ['probes', '3-4r.7-9.10-12s'],
    ['student', '3-4r.7-9p.10-12'],
  ] as const)(
    'are written without a letter where the replacement is the default, %s, and read back',
    (byDefault, text) => {
      expect(formatEditParam(MIXED, byDefault)).toBe(text);
      expect(parseEditParam(text, byDefault, DEPTH, 'the link')).toEqual(MIXED);
      expect(parseRunParam(text, byDefault, DEPTH, 'the link')).toEqual(MIXED);
    },
  );

  it('are an empty text where nothing is chosen', () => {
    expect(formatEditParam([], 'probes')).toBe('');
    expect(parseEditParam('', 'probes', DEPTH, 'the link')).toEqual([]);
  });

  it('read the links of version 1, which had one replacement for all runs', () => {
    expect(parseRunParam('3-4.7-9', 'probes', DEPTH, 'the link').map(({ by }) => by)).toEqual(['probes', 'probes']);
  });

  it('are read in any order, each letter with its own run', () => {
    expect(parseEditParam('10-12s.3-4.07-9p', 'nothing', DEPTH, 'the link')).toEqual(MIXED);
  });

  it.each([
    ['3-4x', '3-4x'],
    ['3-4pp', '3-4p'],
    ['3p', '3'],
    ['p', 'nothing'],
    ['3-4p.', 'nothing'],
    ['3-4P', '3-4P'],
  ])('refuse %j, naming what was found and the link', (text, found) => {
    const error = refusalOf(() => parseEditParam(text, 'nothing', DEPTH, 'the link'));
    expect(error.code).toBe('plan-invalid');
    expect(error.details.file).toBe('the link');
    expect(error.details.found).toBe(found);
  });
});
