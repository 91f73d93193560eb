import { describe, expect, it } from 'vitest';
import { refusalOf } from '../../testing/refusal.ts';
import {
  type Edit,
  editKey,
  editSetOf,
  ffnEdit,
  formatEditParam,
  modulationEdit,
  onlyRuns,
  parseEditParam,
  parseRunParam,
  runEdit,
  sameEdit,
  textStreamEdit,
} from './index.ts';

const MODEL = {
  numBlocks: 16,
  stacks: [
    { first: 0, last: 9 },
    { first: 10, last: 15 },
  ],
  width: 64,
  textStream: 'text',
  whyNot: (edit: Edit) => (edit.on === 'ffn' && edit.block > 12 ? 'These blocks have one matrix for both.' : null),
};
const group = (first: number, last: number) => textStreamEdit({ first, last });
const run = (first: number, last: number) => runEdit({ first, last }, 'student');
const ALL: readonly Edit[] = [
  modulationEdit({ rank: 8 }),
  run(2, 3),
  group(2, 6),
  ffnEdit(2, 'image'),
  ffnEdit(2, 'text'),
  run(4, 5),
  ffnEdit(4, 'image'),
  runEdit({ first: 11, last: 12 }, 'nothing'),
];

describe('edits of all kinds', () => {
  it('have keys of their own, by which they are told apart', () => {
    expect(ALL.map(editKey)).toEqual([
      'modulation rank 8',
      '2-3 student',
      '2-6 text',
      '2 image ffn',
      '2 text ffn',
      '4-5 student',
      '4 image ffn',
      '11-12 nothing',
    ]);
    expect(editKey(modulationEdit({ table: [1, 0.5] }, [0, 1, 2, 7]))).toBe('0-2 7 modulation table 1 0.5');
    for (const [i, a] of ALL.entries()) for (const [j, b] of ALL.entries()) expect(sameEdit(a, b)).toBe(i === j);
  });

  it('are a set in order of depth, whatever order they come in', () => {
    const set = editSetOf([...ALL].reverse(), MODEL, 'here');
    expect(set.map(editKey)).toEqual([
      'modulation rank 8',
      '2-3 student',
      '2-6 text',
      '2 image ffn',
      '2 text ffn',
      '4-5 student',
      '4 image ffn',
      '11-12 nothing',
    ]);
    expect(editSetOf(set, MODEL, 'here')).toEqual(set);
  });

  it('are text in an address and read back', () => {
    const set = editSetOf([...ALL, group(13, 15)], MODEL, 'here');
    const text = formatEditParam(set, 'student');
    expect(text).toBe('m8.2-3.t2-6.f2-image.f2-text.4-5.f4-image.11-12r.t13-15');
    expect(new URLSearchParams({ cut: text }).toString()).toBe(`cut=${text}`);
    expect(parseEditParam(text, 'student', MODEL, 'the link')).toEqual(set);
  });

  it.each([
    [modulationEdit({ rank: 64 }, [0, 1, 2, 7]), 'm64*0-2_7'],
    [
      modulationEdit({ table: [1000, 0.25, 0.1234567891234567, 1e-7, 1e21, 0, -0.5] }),
      'x1000_25e-2_1234567891234567e-16_1e-7_1e21_0_-5e-1',
    ],
    [modulationEdit({ table: [1] }, [15]), 'x1*15'],
  ])('write modulations %o as %s', (edit, text) => {
    expect(formatEditParam([edit], 'probes')).toBe(text);
    expect(new URLSearchParams({ cut: text }).toString()).toBe(`cut=${text}`);
    expect(parseEditParam(text, 'probes', MODEL, 'the link')).toEqual([edit]);
  });

  it.each([
    't3',
    't3-4p',
    'f2',
    'f-image',
    'f2-',
    'm',
    'm8*',
    'm8*5-2',
    'm8*0*1',
    'm-1',
    'x',
    'x1__2',
    'x1e',
    'mx',
    'm8*0-999999',
  ])('refuse %j, naming what was found', (text) => {
    const error = refusalOf(() => parseEditParam(text, 'nothing', MODEL, 'the link'));
    expect(error.code).toBe('plan-invalid');
    expect(error.details.file).toBe('the link');
    expect(text).toContain(error.details.found);
  });

  it('are refused by name where runs alone are understood', () => {
    const error = refusalOf(() => onlyRuns(ALL, 'Distillation', 'plan.json'));
    expect(error.message).toMatch(/Distillation takes runs of blocks alone.*found modulation rank 8/);
    expect(refusalOf(() => parseRunParam('3-4.t7-9', 'nothing', MODEL, 'link')).message).toMatch(/found 7-9 text/);
    expect(onlyRuns([run(2, 3)], 'Distillation', 'plan.json')).toEqual([run(2, 3)]);
  });
});

describe('edits that clash', () => {
  it.each<[string, Edit[], RegExp]>([
    ['a group beyond the model', [group(14, 16)], /found \[14,16\]/],
    ['a group of one block', [group(3, 3)], /One block alone/],
    ['a group across a seam', [group(9, 10)], /different stacks/],
    ['groups that share a block', [group(2, 4), group(4, 6)], /share blocks/],
    ['a group whose first block goes', [run(2, 4), group(3, 6)], /block 3, the first of the group, goes with the run/],
    ['a group that ends inside a run', [group(2, 5), run(5, 7)], /both sides of the group's end/],
    ['a run that is a whole group', [group(2, 5), run(2, 5)], /no block is left/],
    [
      'probes of text that a group holds',
      [group(2, 6), runEdit({ first: 3, last: 4 }, 'probes')],
      /probes of blocks 4 to 4/,
    ],
    ['feed-forward layers of a removed block', [run(2, 4), ffnEdit(3, 'image')], /the run 2-4 takes the block away/],
    ['text feed-forward layers inside a group', [group(2, 4), ffnEdit(3, 'text')], /Block 3 has no text feed-forward/],
    ['the same layers twice', [ffnEdit(3, 'text'), ffnEdit(3, 'text')], /replaced twice/],
    ['a block that the model has not', [ffnEdit(16, 'text')], /found 16.*blocks 0 to 15/],
    ['what the structure does not allow', [ffnEdit(13, 'image')], /One|one matrix for both/],
    ['a rank above the width', [modulationEdit({ rank: 65 })], /found 65.*1 to 64, the width/],
    ['rank 0', [modulationEdit({ rank: 0 })], /found 0/],
    ['a table without timesteps', [modulationEdit({ table: [] })], /needs timesteps/],
    ['a table with a timestep twice', [modulationEdit({ table: [1, 1] })], /each once/],
    ['modulations of no block', [modulationEdit({ rank: 2 }, [])], /ascending/],
    ['modulations out of order', [modulationEdit({ rank: 2 }, [3, 2])], /ascending/],
    ['a modulation twice', [modulationEdit({ rank: 2 }, [1]), modulationEdit({ rank: 3 }, [1])], /replaced twice/],
    [
      'all modulations and one of them',
      [modulationEdit({ rank: 2 }), modulationEdit({ rank: 3 }, [1])],
      /replaced twice/,
    ],
    ['the modulation of a removed block', [run(2, 4), modulationEdit({ rank: 3 }, [4])], /takes the block away/],
  ])('refuses %s', (_, edits, message) => {
    const error = refusalOf(() => editSetOf(edits, MODEL, 'here'));
    expect(error.code).toBe('plan-invalid');
    expect(error.details.file).toBe('here');
    expect(error.message).toMatch(message);
  });

  it.each<[string, Edit[]]>([
    ['a run inside a group, at its start or at its end', [group(2, 8), run(2, 3), run(5, 6), run(7, 8)]],
    ['a run beside a group', [run(0, 1), group(2, 3), run(4, 5)]],
    ['text feed-forward layers of the first block of a group', [group(2, 4), ffnEdit(2, 'text'), ffnEdit(3, 'image')]],
    ["feed-forward layers of a run's student", [run(2, 4), ffnEdit(2, 'image')]],
    ['modulations of blocks apart', [modulationEdit({ rank: 2 }, [1]), modulationEdit({ rank: 3 }, [0, 2])]],
  ])('accepts %s', (_, edits) => {
    expect(editSetOf(edits, MODEL, 'here')).toHaveLength(edits.length);
  });
});
