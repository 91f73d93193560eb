import { expect, test, vi } from 'vitest';
import { modulationEdit, runEdit } from '@/lib/core/edit/index.ts';
import { ContiguaError } from '@/lib/core/errors.ts';
import type { ModelSummary } from '@/lib/core/folder/model-summary.ts';
import { analysisStore } from './analysis-store.ts';
import { choiceQualityStore, forgetFailures, hasFailed, measureChoiceError, presentChoice } from './choice-quality.ts';
import { engineStore } from './engine.ts';
import { modelStore } from './model.ts';
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
  const { of } = presentChoice()!;
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
  expect([presentChoice(), presentTiming()]).not.toContain(null);
  beginSelection({ numBlocks: 4 }, [modulationEdit({ table: [1, 500] })]);
  expect([presentChoice(), presentTiming()]).toEqual([null, null]);
});
