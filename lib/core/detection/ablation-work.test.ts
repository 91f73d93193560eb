import { expect, it } from 'vitest';
import { runEdit } from '../edit/index.ts';
import { ablationsOf } from './ablation.ts';
import { ablationWork } from './ablation-work.ts';

const BLOCK_MS = [1, 2, 4, 8, 16, 32];

it('runs the whole model as far as an interval keeps it, and the edited one behind the interval', () => {
  const edits = [runEdit({ first: 1, last: 3 }, 'nothing')];
  expect(ablationWork({ edits, parts: [] }, BLOCK_MS)).toEqual({ ways: 1, turns: 1, forwardMs: 1 + 2 + 16 + 32 });
});

it('runs a half of a block and what follows, and of a block that is left out what follows alone', () => {
  const parts = [
    { block: 4, part: 'attention' },
    { block: 4, part: 'block' },
  ] as const;
  const [half, left] = parts.map((part) => ablationWork({ edits: [], parts: [part] }, BLOCK_MS).forwardMs);
  expect([half, left]).toEqual([1 + 2 + 4 + 8 + 16 + 32, 1 + 2 + 4 + 8 + 32]);
});

it('shares the whole model among what is measured in one reading of the weights', () => {
  const edits = [runEdit({ first: 1, last: 3 }, 'nothing'), runEdit({ first: 3, last: 4 }, 'nothing')];
  const work = (waysAtOnce: number) => ablationWork({ edits, parts: [] }, BLOCK_MS, waysAtOnce);
  expect(work(2)).toEqual({ ways: 2, turns: 1, forwardMs: 15 + 48 + 32 });
  expect(work(1)).toEqual({ ways: 2, turns: 2, forwardMs: 3 + 48 + 15 + 32 });
});

it('is nothing of nothing, and of blocks that were not timed', () => {
  expect(ablationWork({ edits: [], parts: [] }, BLOCK_MS)).toEqual({ ways: 0, turns: 0, forwardMs: 0 });
  expect(ablationWork(ablationsOf('blocks', { numBlocks: 6, stacks: [] }), [])).toMatchObject({
    ways: 6,
    forwardMs: 0,
  });
});
