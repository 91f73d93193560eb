import { describe, expect, it } from 'vitest';
import { modulationEdit, runEdit } from '@/lib/core/edit/index.ts';
import { commonReplacement, needsProbes, pageEdits, whyNotMeasured } from './edits.ts';

const [removed, probed, student] = (['nothing', 'probes', 'student'] as const).map((by, i) =>
  runEdit({ first: 3 * i, last: 3 * i + 1 }, by),
);
if (!removed || !probed || !student) throw new Error('three edits');

describe('edits on the page', () => {
  it('have blocks just removed where a student stood, whose weights are in no plan and no link', () => {
    expect(pageEdits([removed, probed, student])).toEqual([removed, probed, { ...student, by: 'nothing' }]);
  });

  it('are not measured with a table of modulations', () => {
    expect(whyNotMeasured([removed, modulationEdit({ rank: 4 })])).toBeNull();
    expect(whyNotMeasured([removed, modulationEdit({ table: [1, 500] })])).toMatch(/table/);
  });

  it('keep nothing of a planned edit but the edit itself', () => {
    expect(pageEdits([{ ...probed, cka: 0.9 } as typeof probed])).toEqual([probed]);
  });

  it('have a replacement in common, or none where they differ', () => {
    expect(commonReplacement([])).toBeNull();
    expect(commonReplacement([removed, student])).toBe('nothing');
    expect(commonReplacement([removed, probed])).toBeNull();
    expect([needsProbes([removed, student]), needsProbes([removed, probed])]).toEqual([false, true]);
  });
});
