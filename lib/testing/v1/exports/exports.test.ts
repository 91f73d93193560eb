/**
 * What version 1's training left, as files: students, the fine-tuned model and a training state, and the model folders that
 * were exported from them. They open, and plugged into their teacher they give the same weights, tensor by tensor.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { assertExportable } from '../../../../cli/export-run.ts';
import { openFile } from '../../../core/checkpoint/index.ts';
import { studentFolder } from '../../../core/export/index.ts';
import { openTeacher } from '../../../core/export/open-teacher.ts';
import { parseRunPlan } from '../../../core/plan/index.ts';
import { shapesTiny } from '../models.ts';
import { planFacts } from '../plans/reading.ts';
import { bytesOf, jsonOf, textOf } from '../read-fixture.ts';
import { tensorDigests } from './reading.ts';

const FINISHED = 'runs/artifacts/runs/tp2sd1uijm';
const PAUSED = 'runs/artifacts/runs/tp2sf4r1pt';
const TINY = 'sha256:a8162fc844829001d545a9b1519f26e6fb1ccc3619cfc4ef246c09279bd49ee8';
const weights = jsonOf<Record<'terminal-fine-tuned' | 'server-0-1', Record<string, string>>>('exports/weights.json.gz');

const blobOf = (path: string) => ({ path, blob: new Blob([bytesOf(path)]) });
const student = (first: number, last: number) => ({
  interval: { first, last },
  file: blobOf(`${FINISHED}/${first}-${last}/1/student.safetensors`),
});

async function exported(students: ReturnType<typeof student>[], fineTuned: boolean) {
  const files = Object.entries(shapesTiny()).map(([path, bytes]) => ({ path, blob: new Blob([bytes]) }));
  const folder = await studentFolder({
    teacher: await openTeacher(files, 'shapes-tiny'),
    plan: parseRunPlan(textOf('plans/run-finished.json'), 'plan.json'),
    students,
    fineTuned: fineTuned ? blobOf(`${FINISHED}/fine-tune/1/student.safetensors`) : null,
    run: null,
  });
  const read = async (path: string) => {
    const file = folder.find((one) => one.path === path);
    if (!file) throw new Error(`no ${path}`);
    return new Uint8Array(await file.blob.arrayBuffer());
  };
  return {
    weights: tensorDigests(await read('transformer/diffusion_pytorch_model.safetensors')),
    config: new TextDecoder().decode(await read('transformer/config.json')),
    plan: planFacts(new TextDecoder().decode(await read('plan.json')), 'plan.json'),
  };
}

describe('files of version 1', () => {
  it('are students of their interval and teacher', async () => {
    for (const key of ['0-1', '3-5']) {
      const { metadata, tensors } = await openFile(blobOf(`${FINISHED}/${key}/1/student.safetensors`));
      expect(Object.fromEntries(metadata)).toMatchObject({
        format: 'pt',
        'contigua.kind': 'student',
        'contigua.interval': key,
        'contigua.teacher': TINY,
        'contigua.family': 'qwen-image',
      });
      expect(tensors.size).toBe(32);
      expect(tensors.get('img_mlp.net.0.proj.weight')).toMatchObject({ dtype: 'F32', shape: [64, 16] });
    }
  });

  it('are a fine-tuned whole of all students', async () => {
    const { metadata, tensors } = await openFile(blobOf(`${FINISHED}/fine-tune/1/student.safetensors`));
    expect(Object.fromEntries(metadata)).toMatchObject({
      'contigua.kind': 'fine-tuned',
      'contigua.plugged': '0-1,3-5',
      'contigua.teacher': TINY,
    });
    expect([...tensors.keys()].filter((name) => /^transformer_blocks\.\d+\.img_mod\.1\.bias$/.test(name))).toEqual([
      'transformer_blocks.0.img_mod.1.bias',
      'transformer_blocks.1.img_mod.1.bias',
      'transformer_blocks.2.img_mod.1.bias',
    ]);
  });

  it('are training states of the paused interval, newest last', async () => {
    for (const step of [40, 80]) {
      const { metadata, tensors } = await openFile(blobOf(`${PAUSED}/0-1/1/state-${step}.safetensors`));
      expect(metadata.get('contigua.kind')).toBe('training-state');
      expect(metadata.get('contigua.step')).toBe(String(step));
      expect(metadata.get('contigua.task')).toContain(TINY);
      expect([...tensors.keys()].sort()).toEqual(['average.0', 'firstMoment.0', 'secondMoment.0', 'weights.0']);
      expect(tensors.get('weights.0')).toMatchObject({ dtype: 'F32', shape: [9728] });
    }
  });
});

describe('students of version 1, plugged into their teacher', () => {
  it('give the weights that the server sent for one of them', async () => {
    const one = await exported([student(0, 1)], false);
    expect(one.weights).toEqual(weights['server-0-1']);
    expect(one.config).toBe(textOf('exports/server-0-1/config.json'));
    expect(one.plan).toEqual(planFacts(textOf('exports/server-0-1/plan.json'), 'plan.json'));
  });

  it('give, fine-tuned together, the weights that the terminal wrote', async () => {
    const both = await exported([student(0, 1), student(3, 5)], true);
    expect(both.weights).toEqual(weights['terminal-fine-tuned']);
    expect(both.config).toBe(textOf('exports/terminal-fine-tuned/config.json'));
    expect(both.plan).toEqual(planFacts(textOf('exports/terminal-fine-tuned/plan.json'), 'plan.json'));
  });
});

describe('an exported folder of version 1', () => {
  it.each([
    ['terminal-fine-tuned', '[[0,1],[3,5]]', 3, 35_864],
    ['server-0-1', '[[0,1]]', 5, 55_320],
  ])('says what is in it: %s', (name, layerIndex, blocks, parameters) => {
    const plan = planFacts(textOf(`exports/${name}/plan.json`), 'plan.json');
    expect(plan).toMatchObject({
      replacement: 'students',
      layerIndex,
      blocks: { before: 6, after: blocks },
      parameters: { before: 65_048, after: parameters },
      model: { name: 'shapes-tiny', fingerprint: TINY },
    });
    expect(JSON.parse(textOf(`exports/${name}/config.json`)).num_layers).toBe(blocks);
    const metrics = JSON.parse(textOf(`exports/${name}/metrics.json`));
    expect([metrics.version, metrics.fineTuned]).toEqual([1, name === 'terminal-fine-tuned']);
    expect(metrics.measured).toMatchObject({ blocks, parameters });
  });

  it('is known as one, so that a later export may take its place, and no other folder', async () => {
    const here = fileURLToPath(new URL('./', import.meta.url));
    await assertExportable(join(here, 'terminal-fine-tuned'));
    await assertExportable(join(here, 'server-0-1'));
    const other = await mkdtemp(join(tmpdir(), 'contigua-other-'));
    await writeFile(join(other, 'plan.json'), textOf('plans/detected.json'));
    await expect(assertExportable(other)).rejects.toThrow(/The model folder cannot be written/);
    await rm(other, { recursive: true });
  });
});
