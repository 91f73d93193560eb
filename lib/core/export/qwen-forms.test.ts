/** Every form of Qwen-Image from its inputs to a smaller model: analysis, damage, plan, a student, and the folder that holds it. */
import { expect, test } from 'vitest';
import { analyse, damageInputsOf, editDamage } from '../analysis/index.ts';
import { syntheticCalibration } from '../capture/index.ts';
import { fingerprintOf, openCheckpoint, openFile, type TensorToWrite, writeSafetensors } from '../checkpoint/index.ts';
import { DEFAULT_DETECTION } from '../detection/index.ts';
import { distilInterval } from '../distil/distil-interval.ts';
import { syntheticBatches } from '../distil/training-data.ts';
import { runEdit } from '../edit/index.ts';
import { parseModelConfig } from '../model/config-index.ts';
import { goldenModel } from '../model/golden-fill.ts';
import { architectureOf, familyNamed, openTransformer, routeOf, toEngine, WeightSet } from '../model/index.ts';
import { goldenQ1 } from '../model/qwen-image/goldens.ts';
import { buildPlan } from '../plan/index.ts';
import { DEFAULT_DISTIL } from '../run/settings.ts';
import '../tensor/gradients.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { studentFolder } from './index.ts';

const FORMS = {
  edit: { zero_cond_t: true },
  layered: { use_layer3d_rope: true, use_additional_t_cond: true },
  both: { zero_cond_t: true, use_layer3d_rope: true, use_additional_t_cond: true },
};
const INTERVAL = { first: 1, last: 2 };

describePerEngine(['wasm'], 'a Qwen-Image model', () => {
  test.each(Object.entries(FORMS))(
    'of the form %s is analysed, planned, distilled and exported',
    async (_, changes) => {
      const { config, checkpoint } = goldenModel({ ...goldenQ1().config.raw, num_layers: 4, ...changes });
      const tensors: TensorToWrite[] = [];
      for (const { name, shape } of checkpoint.tensors.values()) {
        tensors.push({ name, shape, dtype: 'F32', bytes: await checkpoint.readBytes(name) });
      }
      const weights = [{ path: 'diffusion_pytorch_model.safetensors', blob: new Blob([writeSafetensors(tensors)]) }];
      const { identity } = familyNamed(config.family);
      const fingerprint = await fingerprintOf(identity, config.raw, await openCheckpoint(weights));

      const transformer = await openTransformer(config, checkpoint);
      const calibration = syntheticCalibration(config, { samples: 6, timesteps: 3, seed: 1 });
      const { analysis, maps } = await analyse(transformer, calibration);
      expect(analysis.calibration.label).toMatch(/reference|condition/);
      const edits = [runEdit(INTERVAL, 'nothing'), runEdit(INTERVAL, 'probes')];
      for (const { outputError } of await editDamage(transformer, damageInputsOf(calibration, maps), edits)) {
        expect(outputError).toBeGreaterThan(0);
      }

      const student: Uint8Array<ArrayBuffer>[] = [];
      await distilInterval({
        transformer,
        fingerprint,
        interval: INTERVAL,
        settings: { ...DEFAULT_DISTIL, steps: 2, batch: 2, warmupSteps: 0, heldOutSamples: 2, learningRate: 1e-3 },
        batches: syntheticBatches(config, { batch: 2, seed: 1 }),
        shared: null,
        leading: null,
        resume: null,
        async save(url, parts) {
          for await (const part of parts) if (url === 'student.safetensors') student.push(Uint8Array.from(part));
          return { url, sizeBytes: 0, sha256: '' };
        },
        onProgress: () => {},
        signal: new AbortController().signal,
      });
      const file = { path: 'student.safetensors', blob: new Blob(student) };

      const architecture = architectureOf(config);
      const edit = runEdit(INTERVAL, 'student');
      const plan = buildPlan({
        model: { ...config, ...architecture, name: 'form', fingerprint, globalParameters: 1 },
        report: null,
        edits: [edit],
        detection: DEFAULT_DETECTION,
      });
      const files = await studentFolder({
        teacher: { name: 'form', config, checkpoint: await openCheckpoint(weights), folder: '', companions: [] },
        plan,
        students: [{ interval: INTERVAL, file }],
        fineTuned: null,
        run: null,
      });
      const text = await files.find(({ path }) => path === 'config.json')?.blob.arrayBuffer();
      const smaller = parseModelConfig(new TextDecoder().decode(text), 'config.json');
      expect(smaller).toMatchObject({ numBlocks: 3, raw: changes });
      const exported = await openTransformer(smaller, await openCheckpoint(files));
      const [inputs] = calibration.batches;
      const found = await exported.forward(inputs!);
      exported.dispose();

      const plugged = new WeightSet();
      const opened = await openFile(file);
      for (const { name, shape } of opened.tensors.values()) {
        plugged.add(name, toEngine(await opened.readFloat32(name), shape));
      }
      const route = routeOf(config.numBlocks, [edit], { students: [{ ...INTERVAL, weights: plugged }] });
      expect(found).toEqual(await transformer.forward(inputs!, route));
      expect(found).not.toEqual(
        await transformer.forward(inputs!, routeOf(config.numBlocks, [runEdit(INTERVAL, 'nothing')])),
      );
      plugged.dispose();
      transformer.dispose();
    },
  );
});
