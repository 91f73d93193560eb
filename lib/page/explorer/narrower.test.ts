import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { CallOptions } from '@/lib/compute/client.ts';
import type { Tasks } from '@/lib/compute/protocol.ts';
import { editKey, type FfnEdit, ffnEdit, textStreamEdit } from '@/lib/core/edit/index.ts';
import { exampleModel, reportOf } from '@/lib/core/planner/planner-fixtures.ts';
import type { WidthDamage } from '@/lib/core/report/report.ts';
import { DEFAULT_LIMITS, limitsStore } from './analysis-limits.ts';
import { analysisStore } from './analysis-store.ts';
import { DEFAULT_CALIBRATION } from './calibration.ts';
import {
  listedNarrower,
  measureNarrower,
  narrowerStore,
  stopNarrower,
  takenOutFfns,
  unmeasuredWidth,
} from './narrower.ts';
import { narrowerCsv } from './narrower-csv.ts';
import { narrowerWords } from './narrower-words.ts';

type Asked = Tasks['width']['input'] & { edits: FfnEdit[]; options: CallOptions<'width'> };
const { asked, estimates } = vi.hoisted(() => ({ asked: [] as Asked[], estimates: [] as unknown[] }));
vi.mock('./compute.ts', async (original) => ({
  ...(await original<typeof import('./compute.ts')>()),
  ask: async (task: string, input: Tasks['width']['input'] & { edits: FfnEdit[] }, options: CallOptions<'width'>) => {
    if (task === 'estimateAnalysis') {
      estimates.push(input);
      return { limits: { engineBytes: 5e8, surrogateBytes: 1 }, storedBytes: 2e9 };
    }
    if (task === 'roomForStates') {
      // Beside what the analysis stores.
      expect(input).toEqual({ bytes: 11e9 });
      return 3e9;
    }
    return await new Promise((_, reject) => {
      asked.push({ ...input, options });
      options.signal?.addEventListener('abort', () => reject(new Error('stopped')));
    });
  },
}));
vi.mock('./kept-analyses.ts', () => ({ keptReports: async () => [], keepReport: async () => {} }));

const model = exampleModel(4);
const report = reportOf([0.3, 0.02, 0.01, 0.2]);
const measuredOn = { ...DEFAULT_CALIBRATION, kind: 'synthetic' } as const;
const damage = (edit: FfnEdit, outputError: number): WidthDamage => ({
  edit,
  outputError,
  bounds: { low: outputError / 2, high: 2 * outputError },
  bands: [],
  fitError: 0.1,
  fitBounds: null,
  changeError: 0.5,
});
const present = () => analysisStore.getState().report!;

beforeEach(() => {
  asked.length = 0;
  estimates.length = 0;
  limitsStore.setState(DEFAULT_LIMITS);
  analysisStore.setState({ report, measuredOn });
});

describe('what could be narrower', () => {
  it('is measured one by one, and what was measured before it is stopped is not measured again', async () => {
    const measuring = measureNarrower('ffn', model, report);
    await vi.waitFor(() => expect(asked).toHaveLength(1));
    const [{ edits, options }] = asked as [(typeof asked)[number]];
    expect(edits).toHaveLength(8);
    options.onProgress?.({ stage: 'probes', done: 1, total: 4 });
    expect(narrowerStore.getState().running).toMatchObject({ stage: 'probes', done: 1, total: 4 });
    options.onProgress?.({ stage: 'damage', done: 1, total: 8, partial: damage(edits[0]!, 0.02) });
    expect(present().width?.map(({ edit }) => editKey(edit))).toEqual([editKey(edits[0]!)]);
    stopNarrower();
    await measuring;
    expect(narrowerStore.getState().running).toBeNull();
    expect(unmeasuredWidth('ffn', present(), model)).toHaveLength(7);
    // The worker takes one after the other.
    void measureNarrower('ffn', model, report);
    await vi.waitFor(() => expect(asked).toHaveLength(2));
    expect(asked[1]?.edits).toHaveLength(7);
    stopNarrower();
  });

  it('is not measured for an analysis that has made room for another one', async () => {
    const shown = { ...report, streams: { ...report.streams } };
    await measureNarrower('ffn', model, shown);
    expect(asked).toEqual([]);
    expect(narrowerStore.getState().running).toBeNull();
  });

  it.each([
    ['a small model', 1e6, null, {}],
    ['a small model with limited memory', 1e6, 2, { limits: { engineBytes: 5e8 } }],
    ['a large model', 1e9, null, { limits: { engineBytes: 5e8 }, states: { url: 'opfs:', sizeBytes: 3e9 } }],
  ])('of %s is measured within the memory of its analysis', async (_, sizeBytes, memory, room) => {
    limitsStore.setState({ memory });
    const measuring = measureNarrower('ffn', { ...model, sizeBytes }, report);
    await vi.waitFor(() => expect(asked).toHaveLength(1));
    const { edits: _edits, probes: _probes, options: _options, ...given } = asked[0]!;
    expect(given).toEqual(room);
    expect(estimates).toHaveLength('limits' in room ? 1 : 0);
    stopNarrower();
    await measuring;
  });

  it('is listed with what is proposed and what is chosen, each once', () => {
    const known = damage(ffnEdit(1, 'image'), 0.02);
    const rows = listedNarrower('ffn', { ...report, width: [known] }, [ffnEdit(1, 'image'), ffnEdit(2, 'text')]);
    expect(rows.map(({ edit }) => editKey(edit))).toEqual(['1 image ffn', '2 text ffn']);
    expect(rows[0]).toBe(known);
  });

  it('is listed with what taking its layers out costs, before it is measured as a linear map too', () => {
    const part = { block: 2, part: 'ffn', outputError: 0.3, bounds: null, bands: [] } as const;
    const known = { ...report, width: [damage(ffnEdit(2, 'image'), 0.02)], parts: [part] };
    const others = takenOutFfns(known, model);
    expect(others.map(editKey)).toEqual(['2 text ffn']);
    const rows = listedNarrower('ffn', known, others);
    expect(rows.map(({ edit, outputError, takenOut }) => [editKey(edit), outputError, takenOut])).toEqual([
      ['2 image ffn', 0.02, 0.3],
      ['2 text ffn', undefined, 0.3],
    ]);
    expect(takenOutFfns(report, model)).toEqual([]);
  });

  it('is a table to take away, with its bounds', () => {
    const rows = [
      { ...damage(ffnEdit(1, 'image'), 0.02), takenOut: 0.3 },
      { edit: textStreamEdit({ first: 1, last: 3 }) },
    ];
    expect(
      narrowerCsv(rows, new Set(['1-3 text']))
        .split('\r\n')
        .slice(1),
    ).toEqual(['ffn,1,1,image,0.1,,,0.5,0.02,0.01,0.04,0.3,false', 'text group,1,3,,,,,,,,,,true', '']);
  });

  it('is told with both errors and their bounds, or with what measures it', () => {
    const [edit, known] = [ffnEdit(1, 'image'), damage(ffnEdit(1, 'image'), 0.02)];
    const label = (id: string) => id;
    expect(narrowerWords(edit, { width: [known] }, label)).toBe(
      'FFN of block 1, image stream, as one linear map. Alone: output error 2.0 % (1.0–4.0 %), fit error 10 % on held-out prompts.',
    );
    expect(narrowerWords(edit, {}, label)).toMatch(/Not measured yet/);
    expect(narrowerWords(edit, null, label)).toMatch(/An analysis measures it/);
  });
});
