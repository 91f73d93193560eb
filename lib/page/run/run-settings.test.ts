import { describe, expect, it } from 'vitest';
import { DEFAULT_FINE_TUNE } from '@/lib/core/run/index.ts';
import { runView } from './run-fixtures.ts';
import { settingDifferences, settingLines } from './run-settings.ts';

const { settings } = runView();

describe('settings of runs', () => {
  it('do not differ where they are the same', () => {
    expect(settingDifferences([settings, structuredClone(settings)])).toEqual([]);
  });

  it('show what differs, run by run, and nothing else', () => {
    const other = { ...settings, engine: 'wasm' as const, distil: { ...settings.distil, batch: 8, accumulation: 2 } };
    expect(settingDifferences([settings, other])).toEqual([
      { name: 'Batch', values: ['16', '8 × 2'] },
      { name: 'Engine', values: ["worker's choice", 'WASM'] },
    ]);
  });

  it('leave open what a run without a fine-tune has no value for', () => {
    const tuned = { ...settings, fineTune: DEFAULT_FINE_TUNE };
    const differences = settingDifferences([settings, tuned]);
    expect(differences[0]).toEqual({ name: 'Joint fine-tune', values: ['none', '1,500 steps of 16, all weights'] });
    expect(differences.slice(1).every(({ values }) => values[0] === null && values[1] !== null)).toBe(true);
  });

  it('label synthetic data as such', () => {
    expect(settingLines({ ...settings, data: { kind: 'synthetic' } })[0]?.value).toMatch(/^SYNTHETIC/);
  });
});
