import { describe, expect, test } from 'vitest';
import { type NamedBlob, safetensorsLayout, type TensorToWrite, writeSafetensors } from '../checkpoint/index.ts';
import { countingReads, sparseBlob } from '../checkpoint/testing.ts';
import { goldenQ1 } from '../model/qwen-image/goldens.ts';
import { fromFloat32 } from '../tensor/index.ts';
import { checkCalibration } from './check-calibration.ts';

const { config } = goldenQ1();
const SAMPLES = 4000;
/** Some 300 samples. */
const PORTION = 200_000;

function floats(name: string, shape: number[], value: (i: number) => number): TensorToWrite {
  const length = shape.reduce((product, n) => product * n, 1);
  return {
    name,
    dtype: 'F32',
    shape,
    bytes: fromFloat32(
      Float32Array.from({ length }, (_, i) => value(i)),
      'F32',
    ),
  };
}
const hidden = (value = (i: number) => i / 8) => floats('hidden_states', [SAMPLES, 6, 16], value);
const text = () => floats('encoder_hidden_states', [SAMPLES, 4, 16], (i) => i / 4);
const timestep = (value = (_: number) => 0.5) => floats('timestep', [SAMPLES], value);
const mask = (value = (_: number) => 1, shape = [SAMPLES, 4]) => floats('encoder_hidden_states_mask', shape, value);

function fileOf(...tensors: TensorToWrite[]): { file: NamedBlob; largest: () => number } {
  const blob = new Blob([writeSafetensors(tensors, { img_shapes: '[[1, 2, 3]]' })]);
  let largest = 0;
  const counted = (inner: Blob): NamedBlob['blob'] => ({
    size: inner.size,
    slice: (start, end) => counted(inner.slice(start, end)),
    arrayBuffer: () => {
      largest = Math.max(largest, inner.size);
      return inner.arrayBuffer();
    },
  });
  return { file: { path: 'night.safetensors', blob: counted(blob) }, largest: () => largest };
}

describe('checking a calibration', () => {
  test('reads it in portions', async () => {
    const { file, largest } = fileOf(hidden(), text(), timestep(), mask());
    await checkCalibration(file, config, PORTION);
    expect(largest()).toBeLessThan(file.blob.size / 5);
    await checkCalibration(file, config);
    const numbers = {
      name: 'prompt_group',
      dtype: 'I64',
      shape: [SAMPLES],
      bytes: new Uint8Array(8 * SAMPLES),
    } as const;
    const grouped = fileOf(hidden(), text(), timestep(), numbers);
    await checkCalibration(grouped.file, config, PORTION);
  });

  test.each<[string, () => TensorToWrite[], RegExp]>([
    [
      'a value that is not finite',
      () => [hidden((i) => (i === 300_000 ? Number.NaN : 0)), text(), timestep()],
      /hidden_states: A value is not finite; found NaN.*samples \d+ to \d+ of 4000/,
    ],
    [
      'a time step outside',
      () => [hidden(), text(), timestep((i) => (i === 39 ? 2 : 0.5))],
      /timestep: A time step lies outside 0..1; found 2 .*of 4000/,
    ],
    [
      'prompt groups of another length',
      () => [hidden(), text(), timestep(), { ...mask(undefined, [SAMPLES - 1]), name: 'prompt_group' }],
      /prompt_group: Wrong shape/,
    ],
    ['a missing tensor', () => [hidden(), timestep()], /encoder_hidden_states: A tensor is missing/],
    [
      'a mask of another length',
      () => [hidden(), text(), timestep(), mask(undefined, [SAMPLES - 1, 4])],
      /mask: Wrong shape/,
    ],
    [
      'a mask of another width',
      () => [hidden(), text(), timestep(), mask(undefined, [SAMPLES, 5])],
      /mask: Wrong shape/,
    ],
    [
      'time steps of another length',
      () => [hidden(), text(), floats('timestep', [SAMPLES + 1], () => 0.5)],
      /timestep: Wrong shape/,
    ],
    [
      'another width',
      () => [floats('hidden_states', [SAMPLES, 6, 17], () => 0), text(), timestep()],
      /hidden_states: Wrong shape/,
    ],
    ['no samples', () => [floats('hidden_states', [0, 6, 16], () => 0)], /encoder_hidden_states: A tensor is missing/],
    ['a scalar', () => [floats('hidden_states', [], () => 0), text(), timestep()], /hidden_states: Wrong shape/],
  ])('finds %s, whole or in portions', async (_, tensors, message) => {
    const { file, largest } = fileOf(...tensors());
    await expect(checkCalibration(file, config, PORTION)).rejects.toThrow(message);
    expect(largest()).toBeLessThan(Math.max(PORTION, file.blob.size / 2));
    await expect(checkCalibration(file, config)).rejects.toThrow(new RegExp(message.source.split('; found')[0]!));
  });
});

test('a calibration that no memory holds is refused by its header', async () => {
  const samples = 2 ** 18;
  const { header, tensors } = safetensorsLayout(
    [
      { name: 'hidden_states', dtype: 'F32', shape: [samples, 6, 16] },
      { name: 'encoder_hidden_states', dtype: 'F32', shape: [samples, 4, 16] },
      { name: 'timestep', dtype: 'F32', shape: [samples] },
    ],
    { img_shapes: '[[1, 2, 3]]' },
  );
  const size = header.length + tensors.reduce((sum, { shape }) => sum + 4 * shape.reduce((x, y) => x * y, 1), 0);
  const { blob, reads } = countingReads(sparseBlob(size, header));
  await expect(checkCalibration({ path: 'night.safetensors', blob }, config)).rejects.toThrow(
    /night\.safetensors › hidden_states: There are too many samples.*at most 131072 samples/,
  );
  expect(reads).toHaveLength(1);
});

test('tensors that nobody reads are not carried from portion to portion', async () => {
  const others = Array.from({ length: 20_000 }, (_, i) => floats(`other.${i}`, [0], () => 0));
  const { file } = fileOf(hidden(), text(), timestep(), ...others);
  const before = process.cpuUsage().user;
  await checkCalibration(file, config, 20_000);
  // 130 portions of 20,000 tensors each took 19 s; without them it is 0.5 s.
  expect((process.cpuUsage().user - before) / 1e6).toBeLessThan(8);
});
