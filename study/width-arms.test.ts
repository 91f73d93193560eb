import { expect, it } from 'vitest';
import { kindsOf } from './width-arms.ts';

const hasNoModulation = (kind: string) => kind !== 'modulation';

it('leaves out an arm whose further kind the family does not have', () => {
  expect(kindsOf({ allow: ['run', 'text', 'ffn'] }, hasNoModulation)).toEqual(['run', 'text', 'ffn']);
  expect(kindsOf({ allow: ['run', 'text', 'ffn', 'modulation'] }, hasNoModulation)).toBeNull();
});

it('fine-tunes all kinds that the family has', () => {
  const arm = { allow: ['run', 'text', 'ffn', 'modulation'], isTuned: true } as const;
  expect(kindsOf(arm, hasNoModulation)).toEqual(['run', 'text', 'ffn']);
});
