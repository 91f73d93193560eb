import { describe, expect, it } from 'vitest';
import { refitStore, refitWords, showingRefit } from './refitting.ts';

const shown = () => refitStore.getState().progress;
const probes = (done: number) => ({ stage: 'probes', done, total: 16 });

describe('probes that are fitted again', () => {
  it('are shown while a call is in that stage, and the other stages go on as they did', async () => {
    const others: string[] = [];
    const result = await showingRefit(
      async (note) => {
        note(probes(1));
        expect(shown() && refitWords(shown()!)).toBe('Fitting probes again, 1 of 16');
        note(probes(16));
        note({ stage: 'draw', done: 1, total: 20 });
        expect(shown()).toBeNull();
        return 'drawn';
      },
      ({ stage }) => others.push(stage),
    );
    expect([result, others]).toEqual(['drawn', ['draw']]);
  });

  it('are shown no longer when the call fails, nor those of a call that another one has taken the place of', async () => {
    await expect(
      showingRefit(async (note) => {
        note(probes(3));
        throw new Error('stopped');
      }),
    ).rejects.toThrow('stopped');
    expect(shown()).toBeNull();
    await showingRefit(async (first) => {
      first(probes(1));
      await showingRefit(async (second) => {
        second(probes(2));
      });
      expect(shown()).toBeNull();
      first(probes(3));
      expect(shown()?.done).toBe(3);
    });
  });
});
