import { expect, test } from 'vitest';
import { FAMILIES } from './families.ts';
import { FAMILY_NAMES } from './family-names.ts';

test('every family is named where the page lists them, in the same order', () => {
  expect(FAMILY_NAMES).toEqual(FAMILIES.map(({ name, label }) => ({ name, label })));
});
