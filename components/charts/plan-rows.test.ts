import { expect, test } from 'vitest';
import { type EditSet, ffnEdit, modulationEdit, runEdit, textStreamEdit } from '@/lib/core/edit/index.ts';
import { PAGE_PALETTE } from './palette.ts';
import { drawPlanRows } from './plan-rows.tsx';

/** How many blocks have a frame. */
function framed(now: EditSet, held: EditSet): number {
  const rows = [
    { label: 'now', edits: now },
    { label: 'held', edits: held },
  ];
  const stacks = [{ id: 'blocks', label: 'blocks', first: 0, last: 7 }];
  const marks = drawPlanRows({ numBlocks: 8, stacks, rows }, 400, PAGE_PALETTE);
  const frames = marks.filter(({ attributes }) => attributes.fill === 'none');
  return frames.length / 2;
}

test.each([
  ['by nothing', [runEdit({ first: 1, last: 3 }, 'probes')], [runEdit({ first: 1, last: 3 }, 'probes')], 0],
  ['by what replaces it', [runEdit({ first: 1, last: 3 }, 'nothing')], [runEdit({ first: 1, last: 3 }, 'probes')], 2],
  [
    'by the length of a run',
    [runEdit({ first: 1, last: 3 }, 'nothing')],
    [runEdit({ first: 1, last: 4 }, 'nothing')],
    1,
  ],
  ['by the stream of an FFN', [ffnEdit(2, 'image')], [ffnEdit(2, 'text')], 1],
  ['by a text group in place of an FFN', [textStreamEdit({ first: 1, last: 2 })], [ffnEdit(2, 'image')], 1],
  ['by a modulation of all blocks, which marks none', [modulationEdit({ rank: 2 })], [], 0],
])('a block that differs between two plans %s has a frame', (_, now, held, count) => {
  expect(framed(now, held)).toBe(count);
});
