import { describe, expect, it } from 'vitest';
import { DEFAULT_DISTIL, DEFAULT_FINE_TUNE } from '../lib/core/run/index.ts';
import { formerSettings } from './distil-settings.ts';

const ASKED = { distil: DEFAULT_DISTIL, fineTune: { ...DEFAULT_FINE_TUNE, train: 'students' as const } };
const shown = ({ distil, fineTune }: ReturnType<typeof formerSettings<typeof ASKED>>[number]) => ({
  steps: distil.steps,
  fineTune: fineTune && [fineTune.train, fineTune.steps, fineTune.warmupSteps, fineTune.checkpointEvery],
});

describe('what a command asked for in earlier versions', () => {
  it('has their defaults where it leaves steps out: 1,000 for students, 500 for the fine-tune', () => {
    const former = formerSettings(ASKED, { steps: true, fineTuneSteps: true }).map(shown);
    expect(former).toContainEqual({ steps: 1000, fineTune: ['students', 500, 25, 50] });
    // Between the two changes.
    expect(former).toContainEqual({ steps: 1500, fineTune: ['students', 500, 25, 50] });
    const { fineTune: _, ...rest } = ASKED;
    expect(formerSettings({ ...rest, fineTune: null }, { steps: true, fineTuneSteps: true })).toContainEqual({
      distil: { ...DEFAULT_DISTIL, steps: 1000 },
      fineTune: null,
    });
  });

  it('keeps the steps that it names, with the warm-up of that time', () => {
    const asked = { ...ASKED, fineTune: { ...ASKED.fineTune, steps: 30, warmupSteps: 1, checkpointEvery: 3 } };
    const former = formerSettings(asked, { steps: false, fineTuneSteps: false }).map(shown);
    expect(former[0]).toEqual({ steps: 1500, fineTune: ['students', 30, 2, 3] });
    expect(former.every(({ steps }) => steps === 1500)).toBe(true);
  });
});
