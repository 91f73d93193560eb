import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Watch } from './watch.ts';

const ALLOWANCE = { stepFloor: 1_000, stepFactor: 20, quiet: 10_000 };

describe('a watch over a compute process', () => {
  const hung = vi.fn<(what: string) => void>();
  let watch: Watch;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    hung.mockReset();
    watch = new Watch(ALLOWANCE, hung);
  });
  afterEach(() => {
    watch.end();
    vi.useRealTimers();
  });
  const pass = (ms: number) => vi.advanceTimersByTime(ms);

  it('allows a multiple of the median step, and no less than the floor', () => {
    watch.worked([10, 10, 500, 10]);
    pass(900);
    expect(hung).not.toHaveBeenCalled();
    pass(400);
    expect(hung).toHaveBeenCalledExactlyOnceWith(
      expect.stringMatching(/^sent nothing for 1 s, where a step takes 0\.010 s/),
    );
  });

  it('waits longer where steps take longer', () => {
    watch.worked([200, 200, 200]);
    pass(3_800);
    expect(hung).not.toHaveBeenCalled();
    pass(500);
    expect(hung).toHaveBeenCalledOnce();
  });

  it('allows the phases before the first step more, as long as the work goes on or for a while of silence', () => {
    for (let turn = 0; turn < 50; turn++) {
      pass(9_000);
      watch.alive(turn);
    }
    expect(hung).not.toHaveBeenCalled();
    pass(10_500);
    expect(hung).toHaveBeenCalledExactlyOnceWith(expect.stringMatching(/^sent nothing for 10 s$/));
  });

  it('takes a held-out measurement between steps for work, by its turns', () => {
    watch.worked([10]);
    for (let turn = 0; turn < 100; turn++) {
      pass(900);
      watch.alive(turn);
    }
    expect(hung).not.toHaveBeenCalled();
  });

  it('notices work that stands still while the event loop turns', () => {
    watch.worked([10]);
    for (let i = 0; i < 14; i++) {
      pass(900);
      watch.alive(7);
    }
    expect(hung).toHaveBeenCalledExactlyOnceWith(expect.stringMatching(/has made no progress for 10 s/));
  });

  it('does not count the time in which the watcher itself was stopped', () => {
    watch.worked([10]);
    // A late tick after three minutes, then the first message.
    const now = performance.now();
    const spy = vi.spyOn(performance, 'now').mockImplementation(() => now + 180_000);
    pass(100);
    spy.mockRestore();
    expect(hung).not.toHaveBeenCalled();
  });
});
