/** Maps of narrower blocks of FLUX.1, FLUX.2 and Stable Diffusion 3 in training: as those of Qwen-Image, from a least-squares start. */
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { recordTraining, resultOf, SHORT_TRAINING } from '../../testing/narrower-blocks.ts';
import { openFile } from '../checkpoint/index.ts';
import { editSetOf, ffnEdit, textStreamEdit } from '../edit/index.ts';
import { FAMILIES } from '../model/families.ts';
import { goldenModel } from '../model/golden-fill.ts';
import { editableModel, openTransformer } from '../model/index.ts';
import { memoryStates } from '../states/index.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { trainMaps } from './train-maps.ts';
import { syntheticBatches } from './training-data.ts';

describePerEngine(['wasm'], 'linear maps of models that this product alone reads', () => {
  test.each(['flux', 'flux2', 'sd3'])(
    'of %s, begin at least squares, keep what errs less and leave no tensor behind',
    async (family) => {
      const names = ['3.ff_context_linear', '2.context_proj', '3.context_proj', '3.context_end_proj'];
      const [first] = await FAMILIES.find(({ name }) => name === family)!.goldens();
      const { config, checkpoint } = goldenModel({ ...first!.config, num_layers: 5 });
      const transformer = await openTransformer(config, checkpoint);
      for (let block = 0; block < config.numBlocks; block++) await transformer.loadBlock(block);
      const before = tf.memory().numTensors;
      const found: string[] = [];
      for (const edit of [ffnEdit(3, 'text'), textStreamEdit({ first: 1, last: 3 })]) {
        const maps = { store: memoryStates(), owner: 'test' };
        const run = await recordTraining(
          async (host) =>
            await trainMaps({
              transformer,
              fingerprint: 'golden',
              edit,
              edits: editSetOf([edit], editableModel(config), 'the test'),
              students: [],
              maps,
              restsOn: '',
              settings: { ...SHORT_TRAINING, steps: 12, heldOutEvery: 6, learningRate: 3e-4 },
              batches: syntheticBatches(config, { batch: SHORT_TRAINING.batch, seed: 0 }),
              shared: null,
              resume: null,
              ...host,
            }),
        );
        await maps.store.dispose();
        const { kept, fitError } = resultOf(run);
        const heldOut = run.events.flatMap((event) => (event.kind === 'held-out' ? event.point : []));
        const total = (point: (typeof heldOut)[number]) =>
          Object.values(point.student).reduce((sum, of) => sum + (of?.direction ?? 0), 0);
        expect(heldOut).toHaveLength(3);
        if (edit.on === 'ffn') expect(heldOut[0]!.student.text!.relative).toBeCloseTo(fitError!, 4);
        expect(kept).toBe(total(heldOut[2]!) < total(heldOut[0]!) ? 'trained' : 'start');
        const { tensors } = await openFile({ path: 'maps', blob: run.files.get('maps.safetensors')! });
        found.push(...tensors.keys());
        expect(tf.memory().numTensors).toBe(before);
      }
      expect(found.sort()).toEqual(names.flatMap((name) => [`${name}.bias`, `${name}.weight`]).sort());
      transformer.dispose();
    },
  );
});
