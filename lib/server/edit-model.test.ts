/** Edit models, whose reference images are conditioned at another timestep than the picture. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Edit, modulationEdit, runEdit } from '../core/edit/index.ts';
import type { Backend, RunRequest } from './backend.ts';
import { createBackend } from './create-backend.ts';
import { makeSetting, type Setting } from './proof/setting.ts';

const SAMPLE = resolve('public', 'models', 'shapes-mmdit', 'transformer');
const WEIGHTS = 'diffusion_pytorch_model.safetensors';

let setting: Setting;
let backend: Backend;
beforeAll(async () => {
  const config = JSON.parse(await readFile(join(SAMPLE, 'config.json'), 'utf8'));
  setting = await makeSetting({}, {}, [{ first: 2, last: 3 }], {
    'config.json': Buffer.from(JSON.stringify({ ...config, zero_cond_t: true })),
    [WEIGHTS]: await readFile(join(SAMPLE, WEIGHTS)),
  });
  backend = await createBackend(setting.env, setting.options);
}, 600_000);
afterAll(async () => {
  await backend?.close();
  await setting?.remove();
});

function request(more: readonly Edit[]): RunRequest {
  const asked = setting.request({ steps: 2 }, { data: { kind: 'synthetic' } });
  const edits = [runEdit({ first: 2, last: 3 }, 'nothing'), ...more].map((edit) =>
    edit.on === 'run'
      ? { ...edit, cka: null, removedError: null, outputError: null }
      : { ...edit, fitError: null, outputError: null },
  );
  return { ...asked, plan: { ...asked.plan, edits } };
}

describe('a run of an Edit model', { timeout: 300_000 }, () => {
  it('is refused with the reason when it is made, and when it is estimated, if it trains shared modulations', async () => {
    const asked = request([modulationEdit({ rank: 8 })]);
    const reason =
      /Shared modulations of this model are not trained.*`zero_cond_t`.*reference images as at timestep 0/s;
    await expect(backend.createRun(asked)).rejects.toThrow(reason);
    await expect(backend.estimate(asked)).rejects.toThrow(reason);
    expect(await backend.listRuns()).toHaveLength(0);
  });

  it('is made without them, and with a table of modulations, which is exact untrained', async () => {
    const timesteps = Array.from({ length: 4 }, (_, i) => 1000 - 250 * i);
    for (const more of [[], [modulationEdit({ table: [...timesteps, 0] })]]) {
      const id = await backend.createRun(request(more));
      // What narrower blocks cost follows from the config, which the run holds where it has any.
      const { described } = (await backend.viewRun(id)).model;
      expect(described?.config.zero_cond_t).toBe(more.length > 0 ? true : undefined);
      await backend.cancelRun(id);
    }
    expect(await backend.listRuns()).toHaveLength(2);
  });
});
