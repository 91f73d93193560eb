/** An exported model, opened as any other, computes what the teacher does with the same students plugged in. */
import { expect, it } from 'vitest';
import { fingerprintOf, openCheckpoint, openFile, type TensorToWrite, writeSafetensors } from '../checkpoint/index.ts';
import { DEFAULT_DETECTION } from '../detection/index.ts';
import { runEdit } from '../edit/index.ts';
import { parseModelConfig } from '../model/config-index.ts';
import {
  architectureOf,
  familyNamed,
  openTransformer,
  routeWithStudents,
  toEngine,
  WeightSet,
} from '../model/index.ts';
import { goldenQ2 } from '../model/qwen-image/goldens.ts';
import { expectClose } from '../model/testing.ts';
import { buildPlan } from '../plan/index.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { studentFolder, TRAINED_METADATA } from './index.ts';

describePerEngine(['wasm', 'tensorflow'], 'an exported model', () => {
  it('gives the forward pass of its teacher with the students plugged in', async () => {
    const { config, checkpoint, inputs } = goldenQ2();
    const interval = { first: 0, last: config.numBlocks - 1 };
    const tensors: TensorToWrite[] = [];
    for (const { name, shape } of checkpoint.tensors.values()) {
      tensors.push({ name, shape, dtype: 'F32', bytes: await checkpoint.readBytes(name) });
    }
    const weights = [{ path: 'diffusion_pytorch_model.safetensors', blob: new Blob([writeSafetensors(tensors)]) }];
    const fingerprint = await fingerprintOf(
      familyNamed(config.family).identity,
      config.raw,
      await openCheckpoint(weights),
    );

    // The last block's weights, as a student that neither is the first block nor its copy.
    const prefix = `transformer_blocks.${interval.last}.`;
    const block = tensors
      .filter(({ name }) => name.startsWith(prefix))
      .map((tensor) => ({ ...tensor, name: tensor.name.slice(prefix.length) }));
    const student = writeSafetensors(block, {
      format: 'pt',
      [TRAINED_METADATA.kind]: 'student',
      [TRAINED_METADATA.interval]: `0-${interval.last}`,
      [TRAINED_METADATA.teacher]: fingerprint,
      [TRAINED_METADATA.family]: config.family,
    });
    const plan = buildPlan({
      model: {
        ...config,
        name: 'q2',
        fingerprint,
        ...architectureOf(config),
        globalParameters: 1,
      },
      report: null,
      edits: [runEdit(interval, 'student')],
      detection: DEFAULT_DETECTION,
    });
    const file = { path: 'student', blob: new Blob([student]) };
    const files = await studentFolder({
      teacher: { name: 'q2', config, checkpoint: await openCheckpoint(weights), folder: '', companions: [] },
      plan,
      students: [{ interval, file }],
      fineTuned: null,
      run: null,
    });
    const text = async (path: string) =>
      new TextDecoder().decode(await files.find((one) => one.path === path)?.blob.arrayBuffer());
    const smaller = parseModelConfig(await text('config.json'), 'config.json');
    const exported = await openTransformer(smaller, await openCheckpoint(files));
    const found = await exported.forward(inputs);
    exported.dispose();

    const teacher = await openTransformer(config, checkpoint);
    const plugged = new WeightSet();
    const opened = await openFile(file);
    for (const { name, shape } of opened.tensors.values()) {
      plugged.add(name, toEngine(await opened.readFloat32(name), shape));
    }
    const route = routeWithStudents(config.numBlocks, [{ ...interval, weights: plugged }]);
    const expected = await teacher.forward(inputs, route);
    const whole = await teacher.forward(inputs);
    plugged.dispose();
    teacher.dispose();

    expect(smaller.numBlocks).toBe(1);
    // An engine may hold a model's own matrices another way than those of a student, and sum in another order.
    expectClose(found, [...expected], 1e-5);
    expect(found).not.toEqual(whole);
  });
});
