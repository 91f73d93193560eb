import { describe, expect, it } from 'vitest';
import { begunAt, withProgress } from './running-analysis.ts';

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

  it('counts captured blocks and keeps partial results it does not change as they are', () => {
    const before = begunAt(0);
    const capture = { stage: 'capture', done: 4, total: 16, atMs: 5, partial: { kind: 'captured', block: 3 } } as const;
    const after = withProgress(before, capture);
    expect(after.captured).toBe(4);
    expect(after.probeR2).toBe(before.probeR2);
    expect(after.stages).toMatchObject([{ stage: 'capture', done: 4, total: 16 }]);
  });
});
