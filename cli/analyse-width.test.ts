import { expect, it } from 'vitest';
import type { WorkerClient } from '../lib/compute/client.ts';
import type { Tasks } from '../lib/compute/protocol.ts';
import { editKey, type FfnEdit, ffnEdit, type TextStreamEdit } from '../lib/core/edit/index.ts';
import type { ModelSummary } from '../lib/core/folder/model-summary.ts';
import type { AnalysisReport, WidthDamage } from '../lib/core/report/index.ts';
import { widthLines, withWidth } from './analyse-width.ts';

const MODEL = { config: { _class_name: 'QwenImageTransformer2DModel', num_layers: 2 } } as unknown as ModelSummary;
const CALIBRATION = { kind: 'synthetic', samples: 6, timesteps: 2, seed: 1 } as const;
const OPTIONS = { signal: new AbortController().signal, onProgress: () => {} };

const damageOf = (edit: TextStreamEdit | FfnEdit): WidthDamage => ({
  edit,
  outputError: 0.1,
  fitError: 0.1,
  fitBounds: null,
  changeError: 0.5,
  bounds: null,
  bands: [],
});
const reportWith = (width: WidthDamage[]) =>
  ({ settings: { ridge: 1e-3 }, split: { rule: 'prompt-groups' }, width }) as unknown as AnalysisReport;

it('measures all that --width names in one call, as a call that ends keeps nothing for one that is interrupted', async () => {
  const calls: string[][] = [];
  const call = async (task: string, { edits }: Tasks['width']['input']) => {
    expect(task).toBe('width');
    calls.push(edits.map(editKey));
    return edits.map(damageOf);
  };
  const known = damageOf(ffnEdit(0, 'text'));
  const client = { call: call as unknown as WorkerClient['call'] };
  const words = ['text-all', 'ffn', 'text-all'] as const;
  const report = await withWidth(client, MODEL, reportWith([known]), CALIBRATION, words, {}, OPTIONS);
  expect(calls).toEqual([['0-1 text', '0 image ffn', '1 image ffn', '1 text ffn']]);
  expect(report.width?.map(({ edit }) => editKey(edit))).toEqual(['0 text ffn', ...calls.flat()]);
});

it('lists what taking the feed-forward layers of a block out costs, where that was measured', () => {
  const width = [damageOf(ffnEdit(0, 'image')), damageOf(ffnEdit(1, 'text'))];
  const part = { block: 1, part: 'ffn', outputError: 0.3, bounds: null, bands: [] } as const;
  expect(widthLines({ width, parts: [part] })).toEqual([
    expect.stringMatching(/^feed-forward layers as linear maps.*; output error with all of the block taken out$/),
    expect.stringMatching(/^ {2}0 image ffn: [^;]+; [^;]+; [^;]+$/),
    expect.stringMatching(/^ {2}1 text ffn: [^;]+; [^;]+; [^;]+; 30(\.0+)? %$/),
  ]);
  expect(widthLines({ width, parts: [] })[0]).toMatch(/as a share of the change$/);
});
