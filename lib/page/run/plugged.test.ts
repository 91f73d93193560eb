import { describe, expect, it } from 'vitest';
import { fewestParameters } from '@/components/run/pareto-points.ts';
import {
  compareEdits,
  ffnEdit,
  modulationEdit,
  runEdit,
  textStreamEdit,
  type WidthEdit,
} from '@/lib/core/edit/index.ts';
import { parameterCost } from '@/lib/core/plan/index.ts';
import { exampleModel } from '@/lib/core/planner/planner-fixtures.ts';
import {
  ALL_PLUGGED,
  choiceOf,
  pluggedWords,
  presentSubset,
  readerWords,
  readPlugged,
  savedBy,
  subsetCost,
  subsetWords,
  trainedWords,
  withPart,
  writePlugged,
} from './plugged.ts';
import { jobView, runView } from './run-fixtures.ts';

const done = (key: string) => jobView(key, { state: 'done', step: 100 });
const view = runView({ jobs: [done('3-4'), done('7-10'), jobView('12-13', { state: 'running' })] });
const fineTuned = runView({ jobs: [...view.jobs, done('fine-tune')] });

describe('what is plugged in', () => {
  it('is, unless the address says otherwise, every student that has been trained', () => {
    expect(presentSubset(view, ALL_PLUGGED)).toEqual({ plugged: ['3-4', '7-10'], fineTuned: false });
  });

  it('comes back from the address that it was written to', () => {
    for (const choice of [
      ALL_PLUGGED,
      { keys: [], fineTuned: false },
      { keys: ['3-4'], fineTuned: false },
      { keys: ['3-4', '7-10'], fineTuned: false },
      { keys: null, fineTuned: true },
    ]) {
      expect(readPlugged(writePlugged(choice))).toEqual(choice);
    }
    expect(readPlugged('<script>')).toEqual(ALL_PLUGGED);
  });

  it('leaves out what has no student, and the fine-tuned model while there is none', () => {
    expect(presentSubset(view, { keys: ['7-10', '12-13', '1-2'], fineTuned: false }).plugged).toEqual(['7-10']);
    expect(presentSubset(view, { keys: null, fineTuned: true }).fineTuned).toBe(false);
    expect(presentSubset(fineTuned, { keys: null, fineTuned: true }).fineTuned).toBe(true);
  });

  it('takes one student out and in again, back to all', () => {
    const without = withPart(view, ALL_PLUGGED, '3-4', false);
    expect(without).toEqual({ keys: ['7-10'], fineTuned: false });
    expect(withPart(view, without, '3-4', true)).toEqual(ALL_PLUGGED);
    expect(withPart(fineTuned, { keys: null, fineTuned: true }, '7-10', false)).toEqual({
      keys: ['3-4'],
      fineTuned: false,
    });
  });

  it('is found again from a measured subset', () => {
    for (const subset of [
      { plugged: [], fineTuned: false },
      { plugged: ['7-10'], fineTuned: false },
      { plugged: ['3-4', '7-10'], fineTuned: true },
    ]) {
      expect(presentSubset(fineTuned, choiceOf(fineTuned, subset))).toEqual(subset);
    }
  });

  it('costs the teacher less the blocks that plugged intervals stand for', () => {
    const { numBlocks, parameters, costs } = view.model;
    expect(subsetCost(view, { plugged: [], fineTuned: false })).toEqual({
      blocks: numBlocks,
      parameters,
      flopsPerForward: costs.flopsPerForward,
    });
    expect(subsetCost(view, { plugged: ['3-4', '7-10'], fineTuned: false })).toEqual({
      blocks: 12,
      parameters: parameters - 4 * costs.blockParameters[0]!,
      flopsPerForward: 1_000 - 4 * 60,
    });
  });

  describe('with narrower blocks', () => {
    const wide = exampleModel(16);
    const narrow = (key: string, kind: 'maps' | 'modulations', edit: WidthEdit) =>
      jobView(key, { state: 'done', kind, edit: null, narrow: [edit] });
    const { numBlocks, parameters, config, tokensPerForward } = wide;
    const model = { ...view.model, numBlocks, parameters, described: { config, tokensPerForward } };
    const mixed = runView({
      model,
      jobs: [
        done('3-4'),
        narrow('t7-9', 'maps', textStreamEdit({ first: 7, last: 9 })),
        narrow('f12-image', 'maps', ffnEdit(12, 'image')),
        narrow('modulations', 'modulations', modulationEdit({ rank: 8 })),
      ],
    });
    const costOf = (plugged: readonly string[]) => subsetCost(mixed, { plugged: [...plugged], fineTuned: false });

    it('costs what the model with all of these edits does', () => {
      const edits = [runEdit({ first: 3, last: 4 }, 'student'), ...mixed.jobs.flatMap((job) => job.narrow ?? [])];
      const all = costOf(mixed.jobs.map(({ key }) => key));
      expect(all).toMatchObject({ blocks: 15, parameters: parameterCost(wide, edits.toSorted(compareEdits)).after });
      expect(all.flopsPerForward).toBeLessThan(costOf(['modulations']).flopsPerForward ?? 0);
      expect(savedBy(mixed, 'modulations')).toBeGreaterThan(savedBy(mixed, 'f12-image') ?? 0);
      expect(fewestParameters(mixed)).toBe(all.parameters);
    });

    it('says what reads the model, or why it cannot be written', () => {
      const wordsOf = (...plugged: string[]) => readerWords(mixed, { plugged, fineTuned: false });
      expect(wordsOf('3-4')).toBeNull();
      expect(wordsOf('t7-9')).toMatch(/^PPCL's QwenImageTransformer2DModel reads it/);
      expect(wordsOf('3-4', 'modulations')).toMatch(
        /^Contigua alone reads it: blocks share their modulation \(shared_mod/,
      );
      expect(wordsOf('f12-image')).toMatch(/block 12 has one of each/);
    });

    it('is not told by a run of an earlier version, which holds no config, and of its students is', () => {
      const { described: _, ...without } = model;
      const earlier = runView({ ...mixed, model: { ...without, costs: view.model.costs } });
      expect(subsetCost(earlier, { plugged: ['3-4', 'f12-image'], fineTuned: false })).toEqual({
        blocks: 15,
        parameters: null,
        flopsPerForward: null,
      });
      expect(readerWords(earlier, { plugged: ['t7-9'], fineTuned: false })).toBeNull();
      expect(savedBy(earlier, 'f12-image')).toBeNull();
      expect(savedBy(earlier, '3-4')).toBe(view.model.costs.blockParameters[0]);
      expect(fewestParameters(earlier)).toBe(parameters - view.model.costs.blockParameters[0]!);
    });
  });

  describe('with maps and modulations, which were trained with other edits in place', () => {
    const narrow = (key: string, kind: 'maps' | 'modulations', edit: WidthEdit) =>
      jobView(key, { state: 'done', kind, edit: null, narrow: [edit] });
    const jobs = [
      done('3-4'),
      done('7-10'),
      narrow('f5-image', 'maps', ffnEdit(5, 'image')),
      narrow('f12-image', 'maps', ffnEdit(12, 'image')),
      narrow('t13-14', 'maps', textStreamEdit({ first: 13, last: 14 })),
      narrow('modulations', 'modulations', modulationEdit({ rank: 8 })),
    ];
    const mixed = { jobs };

    it('takes out what rests on a student with it', () => {
      expect(withPart(mixed, ALL_PLUGGED, '7-10', false).keys).toEqual(['3-4', 'f5-image']);
      expect(withPart(mixed, ALL_PLUGGED, '3-4', false).keys).toEqual(['7-10']);
    });

    it('plugs in with a map what it was trained with, and no more', () => {
      const none = { keys: [], fineTuned: false };
      expect(withPart(mixed, none, 'f5-image', true).keys).toEqual(['3-4', 'f5-image']);
      expect(withPart(mixed, none, 'f12-image', true).keys).toEqual(['3-4', '7-10', 'f5-image', 'f12-image']);
      expect(withPart(mixed, none, 'modulations', true)).toEqual(ALL_PLUGGED);
      expect(withPart(mixed, none, '7-10', true).keys).toEqual(['7-10']);
    });

    it('counts each kind by itself', () => {
      const of = (keys: readonly string[] | null) =>
        pluggedWords(mixed, presentSubset(mixed, { keys, fineTuned: false }));
      expect(of(null)).toBe('2 of 2 students, 1 of 1 text group, 2 of 2 feed-forward layers, shared modulations');
      expect(of(['3-4', 'f5-image'])).toBe(
        '1 of 2 students, 0 of 1 text group, 1 of 2 feed-forward layers, no shared modulations',
      );
      expect(pluggedWords(view, { plugged: ['3-4'], fineTuned: false })).toBe('1 of 2 students');
      expect(trainedWords({ jobs: [...jobs, done('fine-tune'), jobView('12-13', { state: 'running' })] })).toBe(
        '2 students, 1 text group, 2 feed-forward layers, the shared modulations and the fine-tuned model',
      );
      expect(trainedWords({ jobs: [jobView('12-13', { state: 'running' })] })).toBe('');
    });
  });

  it('has a name', () => {
    expect(subsetWords({ plugged: ['3-4', '7-10'], fineTuned: false })).toBe('3–4, 7–10');
    expect(subsetWords({ plugged: [], fineTuned: false })).toBe('the teacher');
  });
});
