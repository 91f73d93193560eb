import { pathToFileURL } from 'node:url';
import { beforeEach, expect, test, vi } from 'vitest';
import type { CallOptions } from '@/lib/compute/client.ts';
import { nodeFiles } from '@/lib/compute/folder/node-files.ts';
import type { ModelSource } from '@/lib/compute/protocol.ts';
import { runEdits } from '@/lib/core/edit/index.ts';
import { openModel } from '@/lib/core/folder/open-model.ts';
import { ablationStore, measureAblation } from './ablations.ts';
import { analysisStore } from './analysis-store.ts';
import { calibrationStore, DEFAULT_CALIBRATION } from './calibration.ts';
import { choiceQualityStore } from './choice-quality.ts';
import { modelStore } from './model.ts';
import { findModulations, modulationsStore } from './modulations.ts';
import { measureNarrower, narrowerStore } from './narrower.ts';
import { exampleReport, streamWith } from './report-fixtures.ts';
import { beginSelection, selectionStore } from './selection.ts';
import { startAnalysis, switchEngine, switchModel } from './start-and-switch.ts';

const { summaries, misfit, calls } = vi.hoisted(() => ({
  summaries: new Map<string, unknown>(),
  misfit: { answer: (_: null) => {} },
  /** What the worker was asked for, and "stop" where a measurement was stopped. */
  calls: [] as string[],
}));
vi.mock('./compute.ts', async (original) => ({
  ...(await original<typeof import('./compute.ts')>()),
  ask: async (task: string, { source }: { source?: ModelSource }, options?: CallOptions<'damage'>) => {
    calls.push(task);
    if (!['damage', 'width', 'modulations'].includes(task)) return summaries.get(source?.name ?? '');
    // It ends only when it is stopped, as a worker that has thousands of intervals before it.
    return new Promise((_, reject) => {
      options?.signal?.addEventListener('abort', () => {
        calls.push('stop');
        reject(new Error('stopped'));
      });
    });
  },
}));
// Reading the calibration file takes as long as the test wants it to.
vi.mock('./file-readers.ts', () => ({
  misfitOf: () => new Promise((resolve) => Object.assign(misfit, { answer: resolve })),
}));
vi.mock('./kept-analyses.ts', () => ({ lastKept: async () => null, keepReport: async () => {} }));

const sourceOf = (name: string): ModelSource => ({ kind: 'files', name, files: [] });

beforeEach(async () => {
  calibrationStore.setState(DEFAULT_CALIBRATION);
  for (const name of ['shapes-mmdit', 'shapes-flux']) {
    const url = `${pathToFileURL(`public/models/${name}`).href}/`;
    const { summary } = await openModel({ files: await nodeFiles.openFolder(url), name });
    summaries.set(name, summary);
  }
});

test('the analysis and the choice of a model go in the same step in which another model comes', async () => {
  await switchModel(sourceOf('shapes-mmdit'));
  analysisStore.setState({ report: exampleReport(streamWith([[1]], [0])) });
  beginSelection({ numBlocks: 16 }, runEdits([{ first: 3, last: 5 }], 'nothing'));
  calibrationStore.setState({ kind: 'file', file: new File(['x'], 'mine.safetensors') });

  const other = switchModel(sourceOf('shapes-flux'));
  await vi.waitFor(() => expect(modelStore.getState().summary?.name).toBe('shapes-flux'));
  // The calibration file of before is still being read.
  expect(analysisStore.getState().report).toBeNull();
  expect(selectionStore.getState().selection.present).toEqual([]);
  expect(selectionStore.getState().numBlocks).toBe(modelStore.getState().summary?.numBlocks);
  await vi.waitFor(() => expect(misfit.answer.name).not.toBe('answer'));
  misfit.answer(null);
  expect(await other).toBe(true);
});

const MEASUREMENTS = [
  ['an ablation', 'damage', () => measureAblation('intervals', analysisStore.getState().report!)],
  [
    'a measurement of narrower blocks',
    'width',
    () => measureNarrower('ffn', modelStore.getState().summary!, analysisStore.getState().report!),
  ],
  ['a measurement of modulations', 'modulations', () => findModulations(4, analysisStore.getState())],
] as const;
const REQUESTS = [
  ['another model', 'openModel', () => switchModel(sourceOf('shapes-flux'))],
  ['another engine', 'startEngine', () => switchEngine('cpu')],
  ['an analysis', 'analyse', () => startAnalysis({ ...DEFAULT_CALIBRATION, kind: 'synthetic' })],
] as const;
const pairs = MEASUREMENTS.flatMap(([what, measured, measure]) =>
  REQUESTS.map(([then, task, begin]) => [what, then, { measured, measure, task, begin }] as const),
);

test.each(pairs)('%s under way ends before %s is asked for', async (_, __, { measured, measure, task, begin }) => {
  await switchModel(sourceOf('shapes-mmdit'));
  const report = exampleReport(streamWith([[1]], [0, 0, 0]));
  analysisStore.setState({ report, measuredOn: { ...DEFAULT_CALIBRATION, kind: 'synthetic' } });
  calls.length = 0;
  const measuring = measure();
  await vi.waitFor(() => expect(calls).toEqual([measured]));
  const begun = begin();
  await measuring;
  expect(calls.slice(0, 3)).toEqual([measured, 'stop', task]);
  expect([ablationStore, narrowerStore, modulationsStore].map((store) => store.getState().running)).toEqual([
    null,
    null,
    null,
  ]);
  await begun.catch(() => {});
});

test('another engine may measure what the one before could not', async () => {
  choiceQualityStore.setState({ failed: [{ of: { model: 'sha256:00' }, what: 'error' }] });
  await switchEngine('cpu');
  expect(choiceQualityStore.getState().failed).toEqual([]);
});
