import { expect, it } from 'vitest';
import { editKey, ffnEdit, textStreamEdit } from '@/lib/core/edit/index.ts';
import type { ListedNarrower } from '@/lib/page/explorer/narrower.ts';
import { type NarrowerOrder, sortedNarrower } from './narrower-table.tsx';

const row = (edit: ListedNarrower['edit'], fitError?: number, outputError?: number | null): ListedNarrower => ({
  edit,
  ...(fitError === undefined ? {} : { fitError }),
  ...(outputError === undefined ? {} : { outputError }),
});
const rows = [
  row(textStreamEdit({ first: 8, last: 9 }), 0.2, 0.01),
  row(textStreamEdit({ first: 2, last: 5 })),
  row(textStreamEdit({ first: 2, last: 3 }), 0.1, 0.03),
  row(ffnEdit(1, 'image'), 0.05, null),
];
const sorted = (by: NarrowerOrder['by'], isAscending: boolean) =>
  sortedNarrower(rows, { by, isAscending }).map(({ edit }) => editKey(edit));

it('is sorted by either error or by depth, with what was not measured or overflows last', () => {
  expect(sorted('output', true)).toEqual(['8-9 text', '2-3 text', '1 image ffn', '2-5 text']);
  expect(sorted('output', false)).toEqual(['2-3 text', '8-9 text', '1 image ffn', '2-5 text']);
  expect(sorted('fit', true)).toEqual(['1 image ffn', '2-3 text', '8-9 text', '2-5 text']);
  expect(sorted('blocks', true)).toEqual(['1 image ffn', '2-3 text', '2-5 text', '8-9 text']);
});

it('puts feed-forward layers in the order of what taking them out costs, both streams of a block alike', () => {
  const ffns = [
    { ...row(ffnEdit(3, 'image'), 0.01, 0.01), takenOut: 0.4 },
    row(ffnEdit(2, 'image'), 0.02, 0.02),
    { ...row(ffnEdit(1, 'image'), 0.04, 0.04), takenOut: 0.1 },
    { ...row(ffnEdit(1, 'text'), 0.03, 0.03), takenOut: 0.1 },
  ];
  const order = (isAscending: boolean) =>
    sortedNarrower(ffns, { by: 'taken-out', isAscending }).map(({ edit }) => editKey(edit));
  expect(order(true)).toEqual(['1 image ffn', '1 text ffn', '3 image ffn', '2 image ffn']);
  expect(order(false)).toEqual(['3 image ffn', '1 image ffn', '1 text ffn', '2 image ffn']);
});
