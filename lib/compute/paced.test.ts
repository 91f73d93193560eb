import { expect, it } from 'vitest';
import { paced } from './paced.ts';

it('posts in order, the first message at once and no two in one task', async () => {
  const posted: number[] = [];
  const post = paced((message) => posted.push(message as number));
  for (const one of [1, 2, 3]) post(one);
  expect(posted).toEqual([1]);
  // What comes meanwhile waits for those before it.
  queueMicrotask(() => post(4));
  await expect.poll(() => posted).toEqual([1, 2, 3, 4]);
});

it('posts at once again when none is left', async () => {
  const posted: number[] = [];
  const post = paced((message) => posted.push(message as number));
  post(1);
  await expect
    .poll(() => {
      post(posted.length + 1);
      return posted.length;
    })
    .toBeGreaterThan(3);
  expect(posted).toEqual([...posted].sort((a, b) => a - b));
});
