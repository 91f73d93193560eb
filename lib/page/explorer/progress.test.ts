import { describe, expect, it } from 'vitest';
import { estimatedShares, firstRunShares, pacePerSecond, remainingMs, shareDone, withStage } from './progress.ts';

const shares = { capture: 3, probes: 1 };

describe('progress over several stages', () => {
  it('weighs each stage by its share of the whole', () => {
    expect(shareDone([{ stage: 'capture', done: 8, total: 16 }], shares)).toBeCloseTo(0.375);
    expect(shareDone([{ stage: 'capture', done: 16, total: 16 }], shares)).toBeCloseTo(0.75);
  });

  it('lets two stages run at once and keeps one entry for each', () => {
    let stages = withStage([], { stage: 'capture', done: 1, total: 4 }, 0);
    stages = withStage(stages, { stage: 'probes', done: 1, total: 4 }, 10);
    stages = withStage(stages, { stage: 'capture', done: 4, total: 4 }, 20);
    expect(stages.map(({ stage }) => stage)).toEqual(['capture', 'probes']);
    expect(shareDone(stages, shares)).toBeCloseTo((3 + 0.25) / 4);
  });

  it('knows the pace of a stage from its second report on', () => {
    const [first] = withStage([], { stage: 'capture', done: 2, total: 16 }, 1_000);
    expect(first && pacePerSecond(first, 1_500)).toBeNull();
    const [second] = withStage(first ? [first] : [], { stage: 'capture', done: 5, total: 16 }, 3_000);
    expect(second && pacePerSecond(second, 3_000)).toBeCloseTo(1.5);
  });

  it('does not divide by a stage that has nothing to do', () => {
    expect(shareDone([{ stage: 'capture', done: 0, total: 0 }], shares)).toBe(0);
  });

  it('estimates what is left at the pace so far, and says nothing too early', () => {
    expect(remainingMs(2_000, 0.25)).toBeCloseTo(6_000);
    expect(remainingMs(100, 0.25)).toBeNull();
    expect(remainingMs(2_000, 0.001)).toBeNull();
  });

  it('expects a deeper model to spend more of its time on comparing blocks with blocks', () => {
    const captured = [{ stage: 'capture', done: 1, total: 1 }];
    expect(shareDone(captured, firstRunShares(60))).toBeLessThan(shareDone(captured, firstRunShares(16)) / 2);
  });

  it('takes the reading of a trace for its capture, and expects no damage', () => {
    const shares = estimatedShares({ seconds: { reading: 3, probes: 5, similarity: 2 } });
    expect(shares).toMatchObject({ capture: 3, probes: 5, damage: 0 });
    expect(shares.cka! + shares.trajectories!).toBeCloseTo(2);
  });
});
