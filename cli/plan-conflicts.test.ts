import { describe, expect, it } from 'vitest';
import { plan } from './plan.ts';

const BUDGET = '--report absent.json --budget params=80%';

describe('options of contigua plan that do not go together', () => {
  it.each([
    [`${BUDGET} --text 1`, /--budget and --text exclude each other/],
    [`${BUDGET} --ffn 1`, /--budget and --ffn exclude each other/],
    [`${BUDGET} --allow modulation --modulation 8`, /--modulation and --allow modulation both share modulations/],
    [`${BUDGET} --front --modulation 8`, /--front .* takes no --modulation/],
    ['--modulation 4steps --measure', /--measure does not run tables.*found --modulation 4steps/],
    ['', /--intervals, --remove, --budget, --modulation, --text or --ffn is needed/],
  ])('are refused before any file is opened: %s', async (options, message) => {
    const argv = ['absent', ...options.split(' ').filter(Boolean)];
    await expect(plan(argv, { signal: AbortSignal.timeout(60_000) })).rejects.toThrow(message);
    await expect(plan(argv, { signal: AbortSignal.timeout(60_000) })).rejects.toMatchObject({ code: 'usage' });
  });
});
