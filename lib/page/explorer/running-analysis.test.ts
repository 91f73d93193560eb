import { describe, expect, it } from 'vitest';
import { begunAt, estimateFacts, withProgress } from './running-analysis.ts';

const probes = { stage: 'probes', total: 16, atMs: 0 };

describe('a running analysis', () => {
  it('places the probes of blocks that come out of order and leaves the others open', () => {
    let running = begunAt(0);
    running = withProgress(running, {
      ...probes,
      done: 1,
      partial: { kind: 'probe', block: 2, r2: { image: 0.5, text: null } },
    });
    running = withProgress(running, {
      ...probes,
      done: 2,
      partial: { kind: 'probe', block: 0, r2: { image: 0.25, text: 0.75 } },
    });
    expect(running.probeR2).toEqual({ image: [0.25, undefined, 0.5], text: [0.75, undefined, null] });
  });

  it('has the damage of intervals in the order in which it came', () => {
    const damage = { stage: 'damage', done: 1, total: 2, atMs: 0 } as const;
    const edit = { on: 'run', first: 2, last: 4, by: 'nothing' } as const;
    let running = withProgress(begunAt(0), { ...damage, partial: { kind: 'damage', edit, outputError: 0.25 } });
    const probed = { ...edit, by: 'probes' } as const;
    running = withProgress(running, { ...damage, partial: { kind: 'damage', edit: probed, outputError: null } });
    expect(running.damage.map(({ edit: { by }, outputError }) => [by, outputError])).toEqual([
      ['nothing', 0.25],
      ['probes', null],
    ]);
  });

  it('counts captured blocks and keeps partial results it does not change as they are', () => {
    const before = begunAt(0);
    const capture = { stage: 'capture', done: 4, total: 16, atMs: 5, partial: { kind: 'captured', block: 3 } } as const;
    const after = withProgress(before, capture);
    expect(after.captured).toBe(4);
    expect(after.probeR2).toBe(before.probeR2);
    expect(after.stages).toMatchObject([{ stage: 'capture', done: 4, total: 16 }]);
  });
});

describe('an estimate', () => {
  const common = { tokens: { image: 96 }, memoryBytes: 2e9, storedBytes: 3e6, readBytes: 4e9 };

  it('of a model says what damage takes of the time', () => {
    const seconds = { weights: 10, forward: 20, probes: 30, similarity: 40, damage: 20 };
    const damage = { intervals: 4, samples: 8, secondsPerInterval: 5 };
    const limits = { engineBytes: 1, surrogateBytes: 1 };
    const facts = estimateFacts({ ...common, seconds, damage, limits }, true);
    expect(facts.map(({ name, value }) => `${name}: ${value}`)).toEqual([
      'Time: about 2 min',
      'of it damage: about 20 s',
      'Memory at peak: 2.00 GB',
      'Browser storage: 3.00 MB',
      'Read of the model: 4.00 GB',
    ]);
    expect(facts[3]?.title).toMatch(/^States: /);
  });

  it('of a trace has no damage, and names what is made of its states', () => {
    const seconds = { reading: 10, probes: 30, similarity: 20 };
    const facts = estimateFacts({ ...common, seconds, limits: { surrogateBytes: 1 }, fixedBytes: 1 }, false);
    expect(facts.map(({ name, value }) => `${name}: ${value}`)).toEqual([
      'Time: about 60 s',
      'Memory at peak: 2.00 GB',
      'Kept in memory: 3.00 MB',
      'Read of the trace: 4.00 GB',
    ]);
  });
});
