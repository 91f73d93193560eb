import { expect, it } from 'vitest';
import { ffnEdit, modulationEdit, runEdit, textStreamEdit } from '@/lib/core/edit/index.ts';
import { choiceWords, editWords } from './edit-words.ts';

it('names a choice kind by kind', () => {
  expect(choiceWords([])).toBe('the whole model');
  expect(
    choiceWords([
      modulationEdit({ rank: 8 }),
      runEdit({ first: 3, last: 4 }, 'nothing'),
      runEdit({ first: 7, last: 9 }, 'probes'),
      ffnEdit(8, 'image'),
      ffnEdit(9, 'image'),
      ffnEdit(11, 'image'),
      ffnEdit(8, 'text'),
      textStreamEdit({ first: 12, last: 14 }),
    ]),
  ).toBe('3–4, 7–9 probes; text 12–14; FFN image 8–9, 11, text 8; modulation rank 8');
  expect(editWords(ffnEdit(8, 'image'))).toBe('FFN image 8');
  expect(editWords(modulationEdit({ table: [1, 0.5] }, [0, 1, 5]))).toBe('modulation table of 2 timesteps of 0–1, 5');
});
