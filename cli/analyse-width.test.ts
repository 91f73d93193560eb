import { expect, it } from 'vitest';
import type { WorkerClient } from '../lib/compute/client.ts';
import type { Tasks } from '../lib/compute/protocol.ts';
import { editKey, type FfnEdit, ffnEdit, type TextStreamEdit } from '../lib/core/edit/index.ts';
import type { ModelSummary } from '../lib/core/folder/model-summary.ts';
import type { AnalysisReport, WidthDamage } from '../lib/core/report/index.ts';
import { withWidth } from './analyse-width.ts';

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
