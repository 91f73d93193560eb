import { expect, test, vi } from 'vitest';
import { ffnEdit, modulationEdit } from '@/lib/core/edit/index.ts';
import type { ModelSummary } from '@/lib/core/folder/model-summary.ts';
import { analysisStore } from './analysis-store.ts';
import { DEFAULT_CALIBRATION } from './calibration.ts';
import { modelStore } from './model.ts';
import { asTable, atRank, findModulations, modulationsStore } from './modulations.ts';
import { exampleReport, streamWith } from './report-fixtures.ts';

const { asked } = vi.hoisted(() => ({
  asked: [] as { task: string; input: unknown; answer(result: unknown): void }[],
}));
vi.mock('./compute.ts', async (original) => ({
  ...(await original<typeof import('./compute.ts')>()),
  ask: (task: string, input: unknown) => new Promise((answer) => asked.push({ task, input, answer })),
}));

test('the output is not measured at a rank where another model was opened meanwhile', async () => {
  const open = (fingerprint: string) => modelStore.setState({ summary: { fingerprint } as ModelSummary });
  open('sha256:00');
  const report = exampleReport(streamWith([[1]], [0, 0, 0, 0]));
  analysisStore.setState({ report, measuredOn: { ...DEFAULT_CALIBRATION, kind: 'synthetic' } });
  const finding = findModulations(4, analysisStore.getState());
  open('sha256:11');
  asked[0]?.answer({ found: [{ errors: [1, 0.5] }], about: '' });
  await vi.waitFor(() => expect(modulationsStore.getState().running ?? asked[1]).toBeFalsy());
  await finding;
  expect(asked.map(({ task }) => task)).toEqual(['modulations']);
});

test('another rank is of the blocks that share their modulation, of all where none do', () => {
  expect(atRank([ffnEdit(0, 'image')], 4)).toEqual([modulationEdit({ rank: 4 })]);
  const shared = [modulationEdit({ rank: 8 }, [1, 2]), modulationEdit({ rank: 2 }, [3])];
  expect(atRank([ffnEdit(0, 'image'), ...shared], 4)).toEqual([
    modulationEdit({ rank: 4 }, [1, 2]),
    modulationEdit({ rank: 4 }, [3]),
  ]);
});

test('a table is of the blocks that share their modulation, and of the model that is open', async () => {
  asked.length = 0;
  const open = (fingerprint: string) => modelStore.setState({ summary: { fingerprint } as ModelSummary });
  open('sha256:00');
  const table = [modulationEdit({ table: [1, 0.5] }, [1, 2])];
  const found = asTable([modulationEdit({ rank: 8 }, [1, 2])], 2);
  expect(asked[0]?.input).toMatchObject({ requests: [{ blocks: [1, 2], by: { steps: 2 } }] });
  asked[0]?.answer({ found: [{ edit: table[0] }] });
  expect(await found).toEqual(table);
  const late = asTable([], 4);
  expect(asked[1]?.input).toMatchObject({ requests: [{ blocks: 'all', by: { steps: 4 } }] });
  open('sha256:11');
  asked[1]?.answer({ found: [{ edit: table[0] }] });
  expect(await late).toBeNull();
});
