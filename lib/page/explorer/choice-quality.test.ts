import { expect, test, vi } from 'vitest';
import { modulationEdit, runEdit } from '@/lib/core/edit/index.ts';
import { ContiguaError } from '@/lib/core/errors.ts';
import type { ModelSummary } from '@/lib/core/folder/model-summary.ts';
import { exampleModel } from '@/lib/core/planner/planner-fixtures.ts';
import { analysisStore } from './analysis-store.ts';
import { choiceQualityStore, forgetFailures, hasFailed, measureChoiceError, presentChoice } from './choice-quality.ts';
import { engineStore } from './engine.ts';
import { modelStore } from './model.ts';
import { presentPlan } from './plan-figures.ts';
import { presentTiming } from './quiet-measurements.ts';
import { exampleReport, streamWith } from './report-fixtures.ts';
import { beginSelection } from './selection.ts';

const asked = vi.hoisted(() => [] as string[]);
vi.mock('./compute.ts', async (original) => ({
  ...(await original<typeof import('./compute.ts')>()),
  measureQuietly: async (task: string) => {
    asked.push(task);
    throw new ContiguaError('worker-crashed', 'The worker stopped');
  },
}));

test('what failed is not tried again on the same engine, and stands in the way of nothing else', async () => {
  modelStore.setState({ summary: { fingerprint: 'sha256:00', drawable: true } as ModelSummary });
  analysisStore.setState({ report: exampleReport(streamWith([[1]], [0, 0, 0, 0])), measuredOn: null });
  beginSelection({ numBlocks: 4 }, [runEdit({ first: 1, last: 2 }, 'nothing')]);
  const { of } = presentChoice(analysisStore.getState())!;
  await measureChoiceError();
  await measureChoiceError();
  expect(asked).toEqual(['choice']);
  expect(hasFailed(choiceQualityStore.getState(), of, 'error')).toBe(true);
  expect(hasFailed(choiceQualityStore.getState(), of, 'facts')).toBe(false);
  // As another engine does, or the same one after a restart.
  forgetFailures();
  await measureChoiceError();
  expect(asked).toEqual(['choice', 'choice']);
});

test('a table of modulations is neither measured nor timed: the worker refuses it', async () => {
  modelStore.setState({ summary: { fingerprint: 'sha256:00', drawable: true } as ModelSummary });
  engineStore.setState({ report: { name: 'cpu', device: 'test' } as never });
  analysisStore.setState({ report: exampleReport(streamWith([[1]], [0, 0, 0, 0])), measuredOn: null });
  beginSelection({ numBlocks: 4 }, [modulationEdit({ rank: 4 })]);
  expect([presentChoice(analysisStore.getState()), presentTiming(analysisStore.getState())]).not.toContain(null);
  beginSelection({ numBlocks: 4 }, [modulationEdit({ table: [1, 500] })]);
  expect([presentChoice(analysisStore.getState()), presentTiming(analysisStore.getState())]).toEqual([null, null]);
});

test('what a panel measures, times and writes is of the analysis that it shows, while a later one waits', () => {
  modelStore.setState({ summary: exampleModel(4) });
  engineStore.setState({ report: { name: 'cpu', device: 'test' } as never });
  const [shown, later] = [8, 16].map((samples) => {
    const report = exampleReport(streamWith([[1]], [0, 0, 0, 0]));
    const { calibration } = report;
    return { report: { ...report, calibration: { ...calibration, samples, seed: samples } }, measuredOn: null };
  });
  analysisStore.setState(later!);
  beginSelection({ numBlocks: 4 }, [runEdit({ first: 1, last: 2 }, 'probes')]);
  expect(presentChoice(shown!)?.probes.calibration).toMatchObject({ samples: 8, seed: 8 });
  expect(presentTiming(shown!)?.choice).toMatchObject({ probes: { calibration: { seed: 8 } }, inputs: '1 + 1' });
  expect(presentPlan(shown!)?.calibration).toMatchObject({ samples: 8 });
});
