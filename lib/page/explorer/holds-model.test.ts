import { expect, it } from 'vitest';
import { goldenQ1 } from '@/lib/core/model/qwen-image/goldens.ts';
import { forwardFile, tinyModel } from '@/lib/testing/tiny-model.ts';
import { holdsModel } from './holds-model.ts';

const dropped = (bytes: Uint8Array<ArrayBuffer>) => new File([bytes], 'dropped.safetensors');

it('tells a file of weights from a calibration, and leaves what cannot be read to the analysis', async () => {
  const { files } = await tinyModel();
  expect(await holdsModel(dropped(files['diffusion_pytorch_model.safetensors']!))).toBe(true);
  expect(await holdsModel(dropped(forwardFile(goldenQ1())))).toBe(false);
  expect(await holdsModel(dropped(new Uint8Array(100)))).toBe(false);
});
