import { describe, expect, it } from 'vitest';
import type { ServerModel } from '../api/run-api.ts';
import { examplePlan } from '../run/run-fixtures.ts';
import { defaultForm, modelOf, requestOf, withDistil } from './distil-form.ts';

const model: ServerModel = {
  id: 'models/shapes-mmdit',
  name: 'shapes-mmdit',
  fingerprint: examplePlan.model.fingerprint,
  numBlocks: 16,
  parameters: 5_000_000,
  sizeBytes: 8,
  tokensPerForward: { image: 64, text: 13 },
  costs: { blockParameters: [300_000], flopsPerForward: 10, flopsPerBlock: [1] },
  calibrations: [],
  drawable: true,
};

describe('asking for a run', () => {
  it('takes the server’s model by its fingerprint, whatever it is called there', () => {
    const other = { ...model, id: 'models/other', fingerprint: 'sha256:11' };
    expect(modelOf([other, { ...model, name: 'renamed' }], examplePlan)?.id).toBe(model.id);
    expect(modelOf([other], examplePlan)).toBeNull();
  });

  it('trains on the grammar where there is one, else on a calibration file, else on noise', () => {
    const own = { ...model, drawable: false };
    expect(defaultForm(model, 96).data).toBe('shapes');
    expect(defaultForm({ ...own, calibrations: ['models/x/c.safetensors'] }, 96)).toMatchObject({
      data: 'file',
      file: 'models/x/c.safetensors',
    });
    expect(defaultForm(own, 96).data).toBe('synthetic');
  });

  it('asks for nothing while a file is chosen and none is there', () => {
    expect(requestOf({ ...defaultForm(model, 96), data: 'file' }, model, examplePlan)).toBeNull();
  });

  it('names the model, the plan and one seed for all', () => {
    const form = { ...withDistil(defaultForm(model, 96), { seed: 7 }), fineTuned: true };
    expect(requestOf(form, model, examplePlan)).toMatchObject({
      modelId: model.id,
      plan: examplePlan,
      settings: { data: { kind: 'shapes' }, distil: { seed: 7 }, fineTune: { seed: 7 } },
    });
    expect(requestOf(defaultForm(model, 96), model, examplePlan)?.settings.fineTune).toBeNull();
  });

  it('never warms up for longer than it trains', () => {
    const form = withDistil(defaultForm(model, 96), { steps: 20 });
    expect(requestOf(form, model, examplePlan)?.settings.distil.warmupSteps).toBe(20);
  });

  it('keeps the warm-up while a number of steps is typed digit by digit', () => {
    const form = defaultForm(model, 96);
    const typed = [3, 30, 300, 3000].reduce((now, steps) => withDistil(now, { steps }), form);
    expect(requestOf(typed, model, examplePlan)?.settings.distil.warmupSteps).toBe(form.distil.warmupSteps);
  });
});
