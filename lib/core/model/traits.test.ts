import { expect, it } from 'vitest';
import { traitLabels, traitPlaces } from './traits.ts';

const TRAITS = [
  { id: 'a', label: 'twice', about: '' },
  { id: 'b', label: 'silent', about: '' },
  { id: 'c', label: 'never', about: '' },
];
const BLOCKS = [{ traits: ['a'] }, { traits: ['a'] }, {}, { traits: ['a'] }, { traits: ['b', 'a'] }];

it('names the runs of blocks that have a trait, and leaves out a trait of none', () => {
  expect(traitPlaces(TRAITS, BLOCKS).map(({ trait, places }) => [trait.id, places])).toEqual([
    ['a', 'blocks 0–1 and 3–4'],
    ['b', 'block 4'],
  ]);
});

it('labels a block in the order of the model', () => {
  expect(traitLabels(TRAITS, BLOCKS[4])).toEqual(['twice', 'silent']);
  expect(traitLabels(TRAITS, undefined)).toEqual([]);
});
