import { expect, it } from 'vitest';
import { editKey, ffnEdit, textStreamEdit } from '@/lib/core/edit/index.ts';
import { type NarrowerRow, sortedNarrower } from './narrower-table.tsx';

const row = (edit: NarrowerRow['edit'], fitError?: number, outputError?: number | null): NarrowerRow => ({
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
const sorted = (by: 'blocks' | 'fit' | 'output', isAscending: boolean) =>
  sortedNarrower(rows, { by, isAscending }).map(({ edit }) => editKey(edit));

it('is sorted by either error or by depth, with what was not measured or overflows last', () => {
  expect(sorted('output', true)).toEqual(['8-9 text', '2-3 text', '1 image ffn', '2-5 text']);
  expect(sorted('output', false)).toEqual(['2-3 text', '8-9 text', '1 image ffn', '2-5 text']);
  expect(sorted('fit', true)).toEqual(['1 image ffn', '2-3 text', '8-9 text', '2-5 text']);
  expect(sorted('blocks', true)).toEqual(['1 image ffn', '2-3 text', '2-5 text', '8-9 text']);
});
