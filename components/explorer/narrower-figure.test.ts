import { expect, test } from 'vitest';
import { ffnEdit, modulationEdit, runEdit, textStreamEdit } from '@/lib/core/edit/index.ts';
import { exampleModel, reportOf } from '@/lib/core/planner/planner-fixtures.ts';
import { narrowerFigure } from './narrower-figure.ts';

const model = exampleModel(6);
const report = reportOf([0.3, 0.02, 0.01, 0.2, 0.1, 0.1]);

test('the exported strip has what is chosen of every kind, and what of a block can no longer be', () => {
  const group = textStreamEdit({ first: 2, last: 4 });
  const edits = [runEdit({ first: 0, last: 1 }, 'nothing'), ffnEdit(3, 'image'), group, modulationEdit({ rank: 4 })];
  const { groups, ffns, modulations } = narrowerFigure(model, report, edits)!;
  expect(groups?.chosen).toEqual([group]);
  expect(ffns.map(({ stream, chosen }) => [stream.id, [...chosen]])).toEqual([
    ['image', [3]],
    ['text', []],
  ]);
  const impossible = ffns.map(({ isImpossible }) => [0, 1, 2, 3, 4, 5].filter(isImpossible));
  // The run takes block 1 out; the group leaves its later blocks no text layers; the last block has none.
  expect(impossible[0]).toEqual([1]);
  expect(impossible[1]).toEqual(expect.arrayContaining([1, 3, 4]));
  expect(modulations).toEqual([{ blocks: [0, 1, 2, 3, 4, 5], words: 'rank 4' }]);
});

test('a modulation of some blocks, and a table of timesteps, are told as such', () => {
  const edits = [modulationEdit({ rank: 2 }, [1, 2]), modulationEdit({ table: [1, 500, 1000] }, [4])];
  expect(narrowerFigure(model, report, edits)?.modulations).toEqual([
    { blocks: [1, 2], words: 'rank 2' },
    { blocks: [4], words: 'table of 3 timesteps' },
  ]);
});
