import { expect, it } from 'vitest';
import { runSettings } from '../runs/run-request.ts';
import { exampleRequest } from '../testing.ts';
import { trainingSource } from './attempt-tools.ts';

const models = {
  calibrationFile: async (path: string) => ({ path, url: `file:///${path}` }),
} as unknown as Parameters<typeof trainingSource>[1];
const stored = (data: object) => runSettings.parse({ ...exampleRequest().settings, data }).data;

it('trains on the samples that the run was begun with: random ones where an earlier version began it', async () => {
  const earlier = stored({ kind: 'file', path: 'mine/night.safetensors' });
  expect(await trainingSource(earlier, models)).toMatchObject({ kind: 'file', heldOutBy: undefined });
  const today = stored({ kind: 'file', path: 'mine/night.safetensors', heldOutBy: 'prompt-groups' });
  expect(await trainingSource(today, models)).toMatchObject({ kind: 'file', heldOutBy: 'prompt-groups' });
});
