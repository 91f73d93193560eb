import { expect, test } from 'vitest';
import { exporterNamed, exportModel } from './exporters.ts';
import type { TrainedModel } from './trained-model.ts';

const model = {} as TrainedModel;

test('a name that no exporter has is refused, naming those that there are', () => {
  expect(() => exporterNamed('gguf')).toThrow(/gguf; expected diffusers/);
  expect(exporterNamed('diffusers').label).toBe('diffusers folder');
});

test('a model that the exporter does not accept is refused before a file of it is made', async () => {
  const refusing = {
    label: 'single file',
    accepts: () => ({ accepted: false, why: 'two stacks' }) as const,
    files: () => Promise.reject(new Error('files were made')),
  };
  await expect(exportModel(refusing, model)).rejects.toMatchObject({
    code: 'checkpoint-unsupported',
    details: { found: 'two stacks' },
  });
});
