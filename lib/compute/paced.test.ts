import { expect, it } from 'vitest';
import { paced } from './paced.ts';

const never = (thrown: unknown) => {
  throw thrown;
};
const nextTask = () => new Promise((resolve) => setTimeout(resolve));

it('posts in order, the first message at once and no two in one task', async () => {
  const posted: number[] = [];
  let inThisTask = 0;
  let most = 0;
  const post = paced((message) => {
    posted.push(message as number);
    most = Math.max(most, ++inThisTask);
    // Microtasks belong to the task: this runs after all of them.
    setImmediate(() => {
      inThisTask = 0;
    });
  }, never);
  for (const one of [1, 2, 3]) post(one);
  expect(posted).toEqual([1]);
  // What comes meanwhile waits for those before it.
  queueMicrotask(() => post(4));
  await expect.poll(() => posted).toEqual([1, 2, 3, 4]);
  expect(most).toBe(1);
});

it('posts at once again when none is left', async () => {
  const posted: number[] = [];
  const post = paced((message) => posted.push(message as number), never);
  post(1);
  for (let tasks = 0; tasks < 20; tasks++) await nextTask();
  post(2);
  expect(posted).toEqual([1, 2]);
});

it('tells of a message that cannot be posted, drops those behind it, and goes on', async () => {
  const posted: number[] = [];
  const failures: unknown[] = [];
  const post = paced(
    (message) => {
      if (message === 2) throw new Error('too large');
      posted.push(message as number);
    },
    (thrown) => failures.push(thrown),
  );
  for (const one of [1, 2, 3]) post(one);
  await expect.poll(() => failures).toEqual([new Error('too large')]);
  post(4);
  await expect.poll(() => posted).toEqual([1, 4]);
});
