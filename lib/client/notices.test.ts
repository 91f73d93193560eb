import { beforeEach, describe, expect, it } from 'vitest';
import { ContiguaError } from '@/lib/core/errors.ts';
import { dismissErrors, dismissNotice, noticeStore, showError } from './notices.ts';

const shown = () => noticeStore.getState().notices;
const lost = new ContiguaError('engine-lost', 'The device went away', { hint: 'Restart it.' });

describe('notices', () => {
  beforeEach(() => noticeStore.setState({ notices: [] }));

  it('keep file, tensor, found and expected apart', () => {
    const details = { file: 'model.safetensors', tensor: 'img_in.weight', found: '[2]', expected: '[3]' };
    showError(new ContiguaError('weight-misshapen', 'Wrong shape', details));
    expect(shown()).toMatchObject([{ tone: 'error', title: 'Wrong shape', code: 'weight-misshapen', details }]);
  });

  it('say nothing of what the user stopped', () => {
    showError(new ContiguaError('cancelled', 'Stopped'));
    expect(shown()).toEqual([]);
  });

  it('show the same words once and keep the way out that was offered', () => {
    const run = () => {};
    showError(lost, { label: 'Restart engine', run });
    showError(lost);
    expect(shown()).toHaveLength(1);
    expect(shown()[0]?.action).toEqual({ label: 'Restart engine', run });
  });

  it('never pile up beyond four, the newest staying', () => {
    for (let i = 0; i < 6; i++) showError(new Error(`problem ${i}`));
    expect(shown().map(({ title }) => title)).toEqual(['problem 2', 'problem 3', 'problem 4', 'problem 5']);
  });

  it('go when what they are about is tried again', () => {
    showError(lost);
    showError(new ContiguaError('prompt-invalid', 'No such word'));
    dismissErrors('prompt-invalid');
    expect(shown().map(({ code }) => code)).toEqual(['engine-lost']);
  });

  it('go when they are dismissed', () => {
    showError(lost);
    dismissNotice(shown()[0]?.id ?? -1);
    expect(shown()).toEqual([]);
  });
});
