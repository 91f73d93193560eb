import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { nodeFiles } from '@/lib/compute/folder/node-files.ts';
import { openModel } from '@/lib/core/folder/open-model.ts';
import { linkedSample, SAMPLES } from './samples.ts';
import { modelDigits } from './url-state.ts';

test.each(SAMPLES.map((sample) => [sample.name, sample] as const))(
  '%s is bundled, draws, and is found by the digits that links carry',
  async (name, { digits }) => {
    const url = `${pathToFileURL(`public/models/${name}`).href}/`;
    const { summary } = await openModel({ files: await nodeFiles.openFolder(url), name });
    expect(summary.drawable).toBe(true);
    expect(modelDigits(summary.fingerprint)).toBe(digits);
    expect(linkedSample(digits).name).toBe(name);
  },
);

test('a link that names no sample opens the first', () => {
  expect(linkedSample(null)).toBe(SAMPLES[0]);
  expect(linkedSample('0123456789ab')).toBe(SAMPLES[0]);
});
