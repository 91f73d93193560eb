import { beforeEach, describe, expect, it } from 'vitest';
import { ContiguaError } from '@/lib/core/errors.ts';
import { dismissNotice, noticeStore, settle, showError, showPassing, showWarning } from './notices.ts';

const shown = () => noticeStore.getState().notices;
const lost = new ContiguaError('engine-lost', 'The device went away', { hint: 'Restart it.' });

describe('notices', () => {
  beforeEach(() => noticeStore.setState({ notices: [] }));

  it('keep file, tensor, found and expected apart', () => {
    const details = { file: 'model.safetensors', tensor: 'img_in.weight', found: '[2]', expected: '[3]' };
    showError('model', new ContiguaError('weight-misshapen', 'Wrong shape', details));
    expect(shown()).toMatchObject([{ tone: 'error', title: 'Wrong shape', code: 'weight-misshapen', details }]);
  });

  it('say nothing of what the user stopped', () => {
    showError('analysis', new ContiguaError('cancelled', 'Stopped'));
    expect(shown()).toEqual([]);
  });

  it('show the same words once and keep the way out that was offered', () => {
    const run = () => {};
    showError('engine', lost, { label: 'Restart engine', run });
    showError('engine', lost);
    expect(shown()).toHaveLength(1);
    expect(shown()[0]?.action).toEqual({ label: 'Restart engine', run });
  });

  it('never pile up beyond four, the newest staying', () => {
    for (let i = 0; i < 6; i++) showError('plan', new Error(`problem ${i}`));
    expect(shown().map(({ title }) => title)).toEqual(['problem 2', 'problem 3', 'problem 4', 'problem 5']);
  });

  it('go when what they are about is settled, errors and warnings alike, and no others', () => {
    showError('engine', lost);
    showWarning('preview', 'Drawn without guidance');
    showError('preview', new ContiguaError('prompt-invalid', 'No such word'));
    settle('preview');
    expect(shown().map(({ code }) => code)).toEqual(['engine-lost']);
  });

  it('leave a confirmation in place when its subject is settled: it says what was done', () => {
    showPassing('plan', 'done', 'plan.json loaded');
    settle('plan');
    expect(shown().map(({ title }) => title)).toEqual(['plan.json loaded']);
  });

  it('hold a server that does not answer to be one subject, whatever was asked of it', () => {
    showError('run', new ContiguaError('server-unreachable', 'The server does not answer'));
    settle('run');
    expect(shown()).toHaveLength(1);
    settle('server');
    expect(shown()).toEqual([]);
  });

  it('tell the loss of an engine once, with the way out, whatever fails with it before or after', () => {
    const restart = { label: 'Restart engine', run: () => {} };
    const asked = new ContiguaError('engine-lost', 'The engine was lost', { hint: 'Start an engine again to go on.' });
    showError('damage', asked);
    showError('engine', lost, restart);
    showError('timing', asked);
    expect(shown()).toMatchObject([{ about: 'engine', title: 'The device went away', action: restart }]);
    settle('engine');
    expect(shown()).toEqual([]);
  });

  it('mark what went well, what the page did and what should be known apart', () => {
    showPassing('copy', 'done', 'Link copied');
    showPassing('analysis', 'info', 'Analysis stopped');
    showWarning('link', 'This link was made for another model');
    expect(shown().map(({ tone }) => tone)).toEqual(['done', 'info', 'warning']);
  });

  it('go when they are dismissed', () => {
    showError('engine', lost);
    dismissNotice(shown()[0]?.id ?? -1);
    expect(shown()).toEqual([]);
  });
});
