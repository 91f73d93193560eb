import { describe, expect, it } from 'vitest';
import { STORED, storedBytes, storedCase } from '../../testing/stored/index.ts';
import { type Checkpoint, fingerprintOf, type NamedBlob, openCheckpoint } from '../checkpoint/index.ts';
import { named } from '../checkpoint/testing.ts';
import { DEFAULT_DETECTION } from '../detection/index.ts';
import {
  architectureOf,
  countParameters,
  expectedTensors,
  familyNamed,
  openStoredModel,
} from '../model/config-index.ts';
import { buildPlan } from '../plan/index.ts';
import { seededRandom } from '../random.ts';
import { fromFloat32 } from '../tensor/float.ts';
import { type OutputFile, studentFolder, type Teacher } from './index.ts';

async function teacherOf(file: (typeof STORED)[number]): Promise<Teacher> {
  const config = named('config.json', JSON.stringify(storedCase(file).config.raw));
  const stored = await openStoredModel(config, [named(file, storedBytes(file))]);
  return { name: file, config: stored.config, checkpoint: stored.checkpoint, folder: '', companions: [] };
}

async function exported(teacher: Teacher, dtype: 'teacher' | 'F32') {
  const { config, checkpoint, name } = teacher;
  const fingerprint = await fingerprintOf(familyNamed(config.family).identity, config.raw, checkpoint);
  const architecture = architectureOf(config);
  const plan = buildPlan({
    model: { ...config, ...architecture, name, fingerprint, globalParameters: countParameters(config).globals },
    report: null,
    edits: [],
    detection: DEFAULT_DETECTION,
  });
  const files = await studentFolder({ teacher, plan, students: [], fineTuned: null, run: null, dtype });
  return { files, weights: await openCheckpoint(weightsIn(files)) };
}

const weightsIn = (files: readonly OutputFile[]): NamedBlob[] =>
  files.filter(({ path }) => path.endsWith('.safetensors')).map(({ path, blob }) => ({ path, blob }));
const textIn = async (files: readonly OutputFile[], path: string) =>
  new TextDecoder().decode(await files.find((file) => file.path === path)?.blob.arrayBuffer());
const bytesOf = (values: Float32Array) => Buffer.from(values.buffer, values.byteOffset, values.byteLength);
const asBfloat = (values: Float32Array) => Buffer.from(fromFloat32(values, 'BF16'));

describe('a teacher whose weights are quantised', () => {
  it.each(STORED)(
    '%s is exported in diffusers’ layout, decoded to BF16; what is plain goes along as it is',
    async (file) => {
      const teacher = await teacherOf(file);
      const { weights, files } = await exported(teacher, 'teacher');
      let decoded = 0;
      for (const { name, shape } of expectedTensors(teacher.config)) {
        const [stored, found] = [teacher.checkpoint.tensors.get(name), weights.tensors.get(name)];
        expect(found?.shape).toEqual(shape);
        const isPlain = /^(F32|F16|BF16|F8_E\dM\d)$/.test(stored?.dtype ?? '');
        expect(found?.dtype).toBe(isPlain ? stored?.dtype : 'BF16');
        const expected = await teacher.checkpoint.readFloat32(name);
        const actual = await weights.readBytes(name);
        const wanted = isPlain ? Buffer.from(await teacher.checkpoint.readBytes(name)) : asBfloat(expected);
        expect([name, Buffer.compare(Buffer.from(actual), wanted)]).toEqual([name, 0]);
        decoded += isPlain ? 0 : 1;
      }
      expect(decoded).toBeGreaterThan(0);
      expect(weights.tensors.size).toBe(expectedTensors(teacher.config).length);
      const card = await textIn(files, 'README.md');
      expect(card).toMatch(/All other blocks are the teacher’s, decoded from .*(scaled|Q8_0).* to BF16\./);
      expect(card).not.toContain('byte for byte');
      expect(card).toMatch(/those in .* were decoded to BF16, all others are as they were/);
    },
  );

  it('is decoded to F32 where that is asked for', async () => {
    const teacher = await teacherOf('flux.gguf');
    const { weights, files } = await exported(teacher, 'F32');
    const name = 'context_embedder.weight';
    expect(weights.tensors.get(name)?.dtype).toBe('F32');
    const [found, expected] = [await weights.readFloat32(name), await teacher.checkpoint.readFloat32(name)];
    expect(Buffer.compare(bytesOf(found), bytesOf(expected))).toBe(0);
    expect(await textIn(files, 'README.md')).toMatch(/decoded from .* to F32/);
  });

  it('gives any range of the file the same bytes as the whole', async () => {
    const { files } = await exported(await teacherOf('flux.gguf'), 'teacher');
    const blob = weightsIn(files)[0]?.blob ?? new Blob();
    const whole = Buffer.from(await blob.slice().arrayBuffer());
    const random = seededRandom(3);
    for (let i = 0; i < 50; i++) {
      const from = random.integer(blob.size);
      const to = Math.min(blob.size, from + 1 + random.integer(3000));
      const part = Buffer.from(await blob.slice(from, to).arrayBuffer());
      expect([from, to, Buffer.compare(part, whole.subarray(from, to))]).toEqual([from, to, 0]);
    }
  });

  it('of which a decoded weight is no number is refused by the name of the tensor', async () => {
    const teacher = await teacherOf('flux-scaled.safetensors');
    const tensor = 'transformer_blocks.0.attn.to_q.weight';
    const broken: Checkpoint = {
      ...teacher.checkpoint,
      readFloat32: async (name, from, to) => {
        const values = await teacher.checkpoint.readFloat32(name, from, to);
        return name === tensor ? values.fill(Number.NaN) : values;
      },
    };
    const { files } = await exported({ ...teacher, checkpoint: broken }, 'teacher').catch((thrown) => ({
      files: thrown,
    }));
    const reading = Array.isArray(files) ? weightsIn(files)[0]?.blob.slice().arrayBuffer() : Promise.reject(files);
    await expect(reading).rejects.toThrow(new RegExp(`› ${tensor}: A decoded weight is not a finite number.*damaged`));
  });
});
