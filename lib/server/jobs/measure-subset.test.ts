import { expect, it } from 'vitest';
import { runEdit } from '../../core/edit/index.ts';
import { ContiguaError } from '../../core/errors.ts';
import { Fenced } from '../runs/attempt.ts';
import type { JobRow } from '../runs/rows.ts';
import { chosenFiles } from './measure-subset.ts';

const signal = new AbortController().signal;
/** Nothing is stored: a job without a file is refused before anything is read. */
const tools = {} as Parameters<typeof chosenFiles>[2];
const job = (key: string, change: Partial<JobRow> = {}) =>
  ({ key, kind: 'fine-tune', state: 'done', narrow: [], edit: null, student: null, ...change }) as unknown as JobRow;
const student = job('3-4', { kind: 'student', edit: runEdit({ first: 3, last: 4 }, 'student') });
const choice = (plugged: readonly string[], fineTuned: boolean) => ({ plugged: [...plugged], fineTuned });

it('measures nothing in the place of a fine-tune that has no file, is being trained again, or is gone', async () => {
  const tuned = choice([], true);
  await expect(chosenFiles(tuned, [job('fine-tune')], tools, signal)).rejects.toThrow(
    /without its trained file.*fine-tune/s,
  );
  const again = chosenFiles(tuned, [job('fine-tune', { state: 'queued' })], tools, signal);
  await expect(again).rejects.toThrow('fine-tune, which was chosen, is being trained again');
  await expect(again).rejects.toBeInstanceOf(Fenced);
  const gone = chosenFiles(tuned, [student], tools, signal);
  await expect(gone).rejects.toThrow(/no job fine-tune any more/);
  await expect(gone).rejects.toBeInstanceOf(ContiguaError);
});

it('measures no model without a student that was chosen', async () => {
  await expect(chosenFiles(choice(['3-4', '7-8'], false), [student], tools, signal)).rejects.toThrow(
    /no job 7-8 any more.*3-4/s,
  );
  await expect(chosenFiles(choice(['3-4'], false), [student], tools, signal)).rejects.toThrow(/trained file.*3-4/s);
});

it('needs no files for the teacher', async () => {
  expect(await chosenFiles(choice([], false), [student], tools, signal)).toMatchObject({ edits: [], fineTuned: null });
});
