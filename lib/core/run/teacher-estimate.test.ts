import { expect, test } from 'vitest';
import { type TeacherRequest, teacherSentence, teacherWork } from './teacher-estimate.ts';

const STATE = 1000;
/** Four blocks of 10 bytes, none of which stays; states after blocks 0, 1 and 3 are needed. */
const request: TeacherRequest = {
  intervals: [
    { first: 0, last: 1 },
    { first: 1, last: 3 },
  ],
  blockBytes: [10, 10, 10, 10],
  residentBlocks: 0,
  stateBytes: STATE,
  batches: 12,
  distinct: 12,
  dtype: 'f32',
  cacheBytes: 1e9,
  sweepBytes: 6 * STATE,
};

test('states that fit are computed once for all intervals, with a read of every block per window', () => {
  const work = teacherWork(request);
  expect(work).toMatchObject({ windowBatches: 6, windows: 2, wantedBytes: 36 * STATE, keptBytes: 36 * STATE });
  // Before training each interval reads as far as its end, twice.
  expect(work.readBytes).toBe(2 * 40 + 2 * 20 + 2 * 40);
  expect(work.passes).toEqual([12, 12, 12, 12]);
});

test('bfloat16 takes half of the disk', () => {
  expect(teacherWork({ ...request, dtype: 'bf16' }).wantedBytes).toBe(18 * STATE);
});

test('what the budget does not hold each interval computes for itself, in smaller windows and in every epoch', () => {
  const work = teacherWork({ ...request, distinct: 6, cacheBytes: 3 * 3 * STATE });
  // Three batches are kept, in one window; the other three come twice, two at a time, for both intervals.
  expect(work).toMatchObject({ windowBatches: 3, windows: 1 + 3 * 2, keptBytes: 9 * STATE });
  expect(work.readBytes).toBe(40 + (3 + 2) * 20 + (3 + 2) * 40);
  expect(work.passes).toEqual([3 + 12, 3 + 12, 3 + 6, 3 + 6]);
});

test('without a cache everything is computed for each interval; a teacher that stays in memory is not read again', () => {
  const work = teacherWork({ ...request, cacheBytes: 0, residentBlocks: 4 });
  expect(work).toMatchObject({ windowBatches: 1, windows: 24, keptBytes: 0, readBytes: 0 });
});

test('states from a file take no window and no disk; what is read are the blocks of the intervals, for the probes', () => {
  const work = teacherWork({ ...request, isGiven: true });
  expect(work).toMatchObject({ windows: 0, wantedBytes: 0, keptBytes: 0, passes: [0, 0, 0, 0], readBytes: 20 + 30 });
  expect(teacherSentence(work, (count) => `${count} B`)).toBe(
    'the teacher’s states come from a file; 50 B of weights read',
  );
});

test('is said in a sentence that names windows, reads and what the disk keeps', () => {
  const bytes = (count: number) => `${count} B`;
  expect(teacherSentence(teacherWork(request), bytes)).toBe(
    'the teacher goes through 2 windows of 6 batches, 200 B of weights read; 36000 B of its states (f32) are kept on disk',
  );
  const partly = teacherWork({ ...request, dtype: 'bf16', cacheBytes: 9000, residentBlocks: 4 });
  expect(teacherSentence(partly, bytes)).toBe(
    'the teacher stays in memory; 18000 B of its states (bf16), of which the disk keeps 9000 B',
  );
});

test('of a run that asks for no states names none', () => {
  const work = teacherWork({ ...request, batches: 0, distinct: 0 });
  expect(work).toMatchObject({ windows: 0, wantedBytes: 0, keptBytes: 0, passes: [0, 0, 0, 0] });
  expect(teacherSentence(work, String)).toBe('the whole teacher runs in every step; none of its states are kept');
});
