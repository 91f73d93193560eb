import { describe, expect, it } from 'vitest';
import { textLength } from './text-length.ts';

describe('a text of limited length', () => {
  it('says nothing far from the limit, counts near it and names what is too long', () => {
    expect(textLength('x'.repeat(449), 500)).toEqual({ hint: null, problem: null });
    expect(textLength('x'.repeat(450), 500)).toEqual({ hint: '450 of 500 characters', problem: null });
    expect(textLength('x'.repeat(500), 500)).toEqual({ hint: '500 of 500 characters', problem: null });
    expect(textLength('x'.repeat(1_200), 500)).toEqual({ hint: null, problem: '1,200 characters, at most 500' });
  });
});
