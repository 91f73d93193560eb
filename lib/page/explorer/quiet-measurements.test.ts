/** What the page measures by itself, with a worker that answers when the test lets it. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Tasks } from '@/lib/compute/protocol.ts';
import { runEdit } from '@/lib/core/edit/index.ts';
import type { ModelSummary } from '@/lib/core/folder/model-summary.ts';
import { analysisStore } from './analysis-store.ts';
import { canCount, choiceQualityStore, presentChoice } from './choice-quality.ts';
import { engineStore } from './engine.ts';
import { modelStore } from './model.ts';
import { countNow, measureWhenIdle } from './quiet-measurements.ts';
import { exampleReport, streamWith } from './report-fixtures.ts';
import { beginSelection, choose, presentRuns } from './selection.ts';
import { settingsStore } from './settings.ts';

const asked = vi.hoisted(() => [] as { task: string; input: Tasks['damage']['input']; answer(value: unknown): void }[]);
vi.mock('./compute.ts', async () => {
  const { createStore } = await import('zustand/vanilla');
  return {
    busyStore: createStore(() => ({ tasks: [] })),
    ask: vi.fn(),
    measureQuietly: (task: string, input: Tasks['damage']['input']) =>
      new Promise((answer) => {
        asked.push({ task, input, answer });
      }),
  };
});

const similarity = Array.from({ length: 4 }, (_, i) =>
  Array.from({ length: 4 }, (_, k) => (k < i ? null : 1 - (k - i) / 10)),
);
const rested = () => vi.advanceTimersByTimeAsync(600);

describe('what the page measures by itself', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal('document', { hidden: false });
    engineStore.setState({ status: 'ready' });
    beginSelection({ numBlocks: 4 }, []);
    analysisStore.setState({ report: exampleReport(streamWith(similarity, [0.5, 0.5, 0.5, 0.5])), measuredOn: null });
  });
  afterEach(async () => {
    // What still waits for its answer would keep the next test waiting.
    for (let done = 0; done < asked.length; done++) {
      asked[done]?.answer(null);
      await rested();
    }
    asked.length = 0;
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it('is measured by nothing, then by probes where they are wanted, and is not begun anew while it goes on', async () => {
    measureWhenIdle();
    choose({ type: 'add', edit: runEdit({ first: 1, last: 2 }, 'probes') });
    await rested();
    const { edits = [], probes } = asked[0]?.input ?? {};
    expect(edits).toContainEqual(runEdit({ first: 1, last: 2 }, 'nothing'));
    // No probes have to be fitted for it.
    expect(edits.every(({ by }) => by === 'nothing')).toBe(true);
    expect(probes).toEqual({
      calibration: { kind: 'synthetic', samples: 8, timesteps: 1, seed: 1 },
      ridge: 1e-6,
      split: 'prompt-groups',
      damageSamples: 2,
    });
    // Whatever changes meanwhile waits: a second call would stop the first one.
    settingsStore.setState({ score: 'probed' });
    choose({ type: 'move-edge', interval: presentRuns()[0]!, edge: 'last', block: 3 });
    await rested();
    expect(asked).toHaveLength(1);
    asked[0]?.answer(edits.map((edit) => ({ edit, outputError: 0.25 })));
    await rested();
    expect(analysisStore.getState().report?.damage).toHaveLength(edits.length);
    expect(asked).toHaveLength(2);
    expect(asked[1]?.input.edits).toContainEqual(runEdit({ first: 1, last: 2 }, 'probes'));
    asked[1]?.answer([]);
    await rested();
    // Then what was chosen since.
    expect(asked).toHaveLength(3);
    expect(asked[2]?.input.edits).toContainEqual(runEdit({ first: 1, last: 3 }, 'nothing'));
    expect(asked.map(({ task }) => task)).toEqual(['damage', 'damage', 'damage']);
    asked[2]?.answer([]);
    await rested();
  });

  it('waits for pictures that were asked for by hand, which can be asked for again where they were stopped', async () => {
    choose({ type: 'add', edit: runEdit({ first: 1, last: 2 }, 'nothing') });
    const summary = { fingerprint: 'sha256:00', drawable: true } as ModelSummary;
    modelStore.setState({ summary });
    settingsStore.setState({ score: 'removed' });
    await rested();
    expect(asked.map(({ task }) => task)).toEqual(['damage']);
    const { of } = presentChoice(analysisStore.getState())!;
    expect(canCount(choiceQualityStore.getState(), of, analysisStore.getState())).toBe(true);

    void countNow(analysisStore.getState());
    expect(canCount(choiceQualityStore.getState(), of, analysisStore.getState())).toBe(false);
    // The worker lets go of the quiet call; nothing else is asked while pictures are drawn.
    asked[0]?.answer(null);
    await rested();
    expect(asked.map(({ task }) => task)).toEqual(['damage', 'facts']);
    asked[1]?.answer({ held: 3, total: 8, pictures: 4 });
    await rested();
    expect(asked.map(({ task }) => task)).toEqual(['damage', 'facts', 'facts']);
    // Stopped after four of them.
    asked[2]?.answer(null);
    await rested();
    expect(canCount(choiceQualityStore.getState(), of, analysisStore.getState())).toBe(true);
    expect(asked.map(({ task }) => task)).toEqual(['damage', 'facts', 'facts', 'damage']);
  });
});
