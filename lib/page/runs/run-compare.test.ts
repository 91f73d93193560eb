import { describe, expect, it } from 'vitest';
import { examplePlan, runView } from '../run/run-fixtures.ts';
import { comparedStreams } from './run-compare.ts';

describe('compared runs', () => {
  it('show every stream that one of their models declares, once', () => {
    const [image, text, audio] = ['image', 'text', 'audio'].map((id) => ({ id, label: id }));
    const runOn = (...streams: { id: string; label: string }[]) =>
      runView({ plan: { ...examplePlan, model: { ...examplePlan.model, streams } } });
    expect(comparedStreams([runOn(image!, text!), runOn(image!, audio!)]).map(({ id }) => id)).toEqual([
      'image',
      'text',
      'audio',
    ]);
    expect(comparedStreams([])).toEqual([]);
  });
});
