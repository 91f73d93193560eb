import { describe, expect, test } from 'vitest';
import { fileDigits, safetensorsLayout, type TensorToWrite, writeSafetensors } from '../checkpoint/index.ts';
import { countingReads, named, sparseBlob } from '../checkpoint/testing.ts';
import { ContiguaError } from '../errors.ts';
import { goldenQ1 } from '../model/qwen-image/goldens.ts';
import { fromFloat32 } from '../tensor/index.ts';
import { fileCalibration, readForwardInputs } from './file-calibration.ts';

const { config } = goldenQ1();
const SAMPLES = 3;
const floats = (
  name: string,
  shape: number[],
  value: (i: number) => number,
  dtype: 'F32' | 'BF16' = 'F32',
): TensorToWrite => {
  const length = shape.reduce((product, n) => product * n, 1);
  return {
    name,
    dtype,
    shape,
    bytes: fromFloat32(
      Float32Array.from({ length }, (_, i) => value(i)),
      dtype,
    ),
  };
};
const good = (): Record<string, TensorToWrite> => ({
  hidden: floats('hidden_states', [SAMPLES, 6, 16], (i) => i / 8, 'BF16'),
  text: floats('encoder_hidden_states', [SAMPLES, 4, 16], (i) => i / 4),
  timestep: floats('timestep', [SAMPLES], (i) => [0.75, 0.25, 0.75][i]!),
});
const groupTensor = (dtype: 'I64' | 'I32' | 'U8', shape: number[], { buffer }: ArrayBufferView<ArrayBuffer>) => ({
  name: 'prompt_group',
  dtype,
  shape,
  bytes: new Uint8Array(buffer),
});
const DEEP = '['.repeat(20_000) + ']'.repeat(20_000);
const file = (
  tensors: Record<string, TensorToWrite | undefined>,
  metadata: Record<string, string> = { img_shapes: '[[1, 2, 3]]' },
) =>
  named(
    'calibration.safetensors',
    writeSafetensors(
      Object.values(tensors).filter((t) => t !== undefined),
      metadata,
    ),
  );

describe('a calibration file', () => {
  test('is read with its dtypes, and its facts are told', async () => {
    const source = file(good());
    const { facts, batches, rows } = await fileCalibration(source, config);
    expect(facts).toEqual({
      kind: 'file',
      label: 'calibration.safetensors: 3 samples at 2 time steps',
      seed: null,
      file: { name: 'calibration.safetensors', digits: await fileDigits(source.blob) },
      samples: 3,
      timesteps: [0.25, 0.75],
    });
    expect(batches[0]).toMatchObject({ batch: 3, imageTokens: 6, textTokens: 4, imageShapes: [[1, 2, 3]], mask: null });
    expect(batches[0]!.hiddenStates.slice(0, 3)).toEqual(Float32Array.of(0, 0.125, 0.25));
    expect(rows.text).toHaveLength(12);
  });

  test.each([
    ['I64', new Uint8Array(BigInt64Array.of(1n).buffer)],
    ['I32', new Uint8Array(Int32Array.of(1).buffer)],
    ['F32', fromFloat32(Float32Array.of(1), 'F32')],
  ] as const)('may have one time step for all samples, of %s', async (dtype, bytes) => {
    const timestep: TensorToWrite = { name: 'timestep', dtype, shape: [1], bytes };
    const { facts, batches } = await fileCalibration(file({ ...good(), timestep }), config);
    expect(facts.timesteps).toEqual([1]);
    expect([...batches[0]!.timestep]).toEqual([1, 1, 1]);
  });

  test.each(['BOOL', 'I64', 'F32'] as const)('may have a mask of %s', async (dtype) => {
    const values = [1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 0, 1];
    const bytes = {
      BOOL: Uint8Array.from(values),
      I64: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
      F32: fromFloat32(Float32Array.from(values), 'F32'),
    }[dtype];
    const mask: TensorToWrite = { name: 'encoder_hidden_states_mask', dtype, shape: [SAMPLES, 4], bytes };
    const { batches, rows } = await fileCalibration(file({ ...good(), mask }), config);
    expect([...batches[0]!.mask!]).toEqual(values);
    expect([...rows.text!]).toEqual([0, 0, 1, 1, 1, 1, 2]);
  });

  test.each(['[[1,2,3]]', '[[1,2,3],[1,2,3],[1,2,3]]', '[[[1,2,3]]]', '[[[1,1,3],[1,1,3]]]'])(
    'may give its image shapes as %s',
    async (img_shapes) => {
      await expect(readForwardInputs(file(good(), { img_shapes }), config)).resolves.toBeDefined();
    },
  );

  const mask = (values: number[], shape = [SAMPLES, 4]): TensorToWrite => ({
    name: 'encoder_hidden_states_mask',
    dtype: 'BOOL',
    shape,
    bytes: Uint8Array.from(values),
  });
  const cases: [string, () => ReturnType<typeof file>, RegExp][] = [
    [
      'a missing tensor',
      () => file({ ...good(), text: undefined }),
      /› encoder_hidden_states: .*missing.*only timestep, hidden_states/,
    ],
    ['no tensors', () => file({}), /› hidden_states: .*missing.*no tensors/],
    [
      'features of another model',
      () => file({ ...good(), hidden: floats('hidden_states', [3, 6, 48], () => 0) }),
      /› hidden_states: .*found \[3, 6, 48\].*expected \[3, 6, 16\]/,
    ],
    [
      'a missing dimension',
      () => file({ ...good(), hidden: floats('hidden_states', [6, 16], () => 0) }),
      /› hidden_states: .*found \[6, 16\]/,
    ],
    [
      'streams of different sample counts',
      () => file({ ...good(), text: floats('encoder_hidden_states', [2, 4, 16], () => 0) }),
      /› encoder_hidden_states: .*\[2, 4, 16\].*\[3, 4, 16\]/,
    ],
    [
      'a time step per token',
      () => file({ ...good(), timestep: floats('timestep', [3, 6], () => 0.5) }),
      /› timestep: .*\[3, 6\].*\[3\]/,
    ],
    [
      'NaN',
      () => file({ ...good(), hidden: floats('hidden_states', [3, 6, 16], (i) => (i === 5 ? Number.NaN : 0)) }),
      /› hidden_states: .*NaN at element 5/,
    ],
    [
      'no samples',
      () =>
        file({
          hidden: floats('hidden_states', [0, 6, 16], () => 0),
          text: floats('encoder_hidden_states', [0, 4, 16], () => 0),
          timestep: floats('timestep', [0], () => 0),
        }),
      /no samples/,
    ],
    [
      'integers where floats belong',
      () => {
        const bytes = new Uint8Array(4 * SAMPLES * 4 * 16);
        return file({
          ...good(),
          text: { name: 'encoder_hidden_states', dtype: 'I32', shape: [SAMPLES, 4, 16], bytes },
        });
      },
      /› encoder_hidden_states: .*I32/,
    ],
    [
      'a guidance',
      () => file({ ...good(), guidance: floats('guidance', [3], () => 3.5) }),
      /› guidance: The model takes no such input.*TypeError/,
    ],
    [
      'a mask of the wrong shape',
      () => file({ ...good(), mask: mask([1, 1, 1], [3, 1]) }),
      /_mask: .*\[3, 1\].*\[3, 4\]/,
    ],
    ['no image shapes', () => file(good(), {}), /› img_shapes: .*nothing.*JSON/],
    ['image shapes in Python’s notation', () => file(good(), { img_shapes: '[(1, 2, 3)]' }), /not JSON.*\(1, 2, 3\)/],
    ['image shapes 20,000 levels deep', () => file(good(), { img_shapes: DEEP }), /› img_shapes: .*nested too deeply/],
    ['image shapes that are unusable', () => file(good(), { img_shapes: '[[1, 2]]' }), /img_shapes is unusable/],
    ['image shapes of no image', () => file(good(), { img_shapes: '[]' }), /img_shapes is unusable/],
    [
      'image shapes that do not add up',
      () => file(good(), { img_shapes: '[[1, 2, 4]]' }),
      /8 tokens.*6, as in hidden_states/,
    ],
  ];
  test.each(cases)('with %s is refused by name', async (_, make, message) => {
    const thrown = await fileCalibration(make(), config).catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(ContiguaError);
    expect(thrown).toMatchObject({ code: 'calibration-invalid', details: { file: 'calibration.safetensors' } });
    expect(String(thrown)).toMatch(message);
    await expect(readForwardInputs(make(), config)).rejects.toMatchObject({ code: 'inputs-invalid' });
  });

  // Diffusers runs these, and `forward` does; no pipeline passes them.
  test.each<[string, () => ReturnType<typeof file>, RegExp]>([
    [
      'time steps in thousands',
      () => file({ ...good(), timestep: floats('timestep', [3], () => 370) }),
      /› timestep: .*370.*divided by 1000/,
    ],
  ])('with %s is refused by name, where the same inputs run', async (_, make, message) => {
    await expect(fileCalibration(make(), config)).rejects.toThrow(message);
    await expect(readForwardInputs(make(), config)).resolves.toMatchObject({ batch: 3 });
  });

  test('may have samples without text, which diffusers runs too', async () => {
    const { rows } = await fileCalibration(
      file({ ...good(), mask: mask([1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 0, 0]) }),
      config,
    );
    expect([...rows.text!]).toEqual([0, 0, 0, 0, 2, 2]);
    expect(rows.image).toHaveLength(18);
  });

  test('has its samples of equal text in one group, unless it names them', async () => {
    const repeated = floats('encoder_hidden_states', [SAMPLES, 4, 16], (i) => (i >= 64 ? i - 64 : i) % 64);
    expect([...(await fileCalibration(file({ ...good(), text: repeated }), config)).groups]).toEqual([0, 0, 0]);
    expect([...(await fileCalibration(file(good()), config)).groups]).toEqual([0, 1, 2]);
    const ids = (dtype: 'I64' | 'I32' | 'U8', array: ArrayBufferView<ArrayBuffer>) =>
      file({ ...good(), prompt_group: groupTensor(dtype, [SAMPLES], array) });
    // Beyond what a double holds exactly.
    const large = 2n ** 60n;
    for (const source of [
      ids('I64', BigInt64Array.of(large, large + 1n, large)),
      ids('I32', Int32Array.of(-7, 100, -7)),
      ids('U8', Uint8Array.of(9, 0, 9)),
    ]) {
      expect([...(await fileCalibration(source, config)).groups]).toEqual([0, 1, 0]);
    }
  });

  test.each<[string, TensorToWrite, RegExp]>([
    [
      'too few',
      groupTensor('I64', [2], BigInt64Array.of(1n, 2n)),
      /prompt_group: Wrong shape; found \[2\]; expected \[3\], one number per sample/,
    ],
    [
      'a column of',
      groupTensor('I32', [SAMPLES, 1], Int32Array.of(1, 2, 3)),
      /prompt_group: Wrong shape; found \[3, 1\]/,
    ],
    [
      'broken',
      floats('prompt_group', [SAMPLES], () => 1.5),
      /prompt_group: Wrong dtype; found F32; expected whole numbers.*leave prompt_group out/,
    ],
  ])('with %s group numbers is refused by name', async (_, prompt_group, message) => {
    const source = file({ ...good(), prompt_group });
    await expect(fileCalibration(source, config)).rejects.toThrow(message);
    await expect(readForwardInputs(source, config)).rejects.toThrow(message);
  });

  test('of 0 bytes is refused by name', async () => {
    await expect(fileCalibration(named('calibration.safetensors', ''), config)).rejects.toThrow(
      /calibration\.safetensors: .*0 bytes/,
    );
  });
});

describe('a calibration that no memory holds', () => {
  /** A valid file of zeros, of which only the header is there. */
  function sparse(samples: number, imageTokens: number) {
    const { header, tensors } = safetensorsLayout(
      [
        { name: 'hidden_states', dtype: 'F32', shape: [samples, imageTokens, config.inChannels] },
        { name: 'encoder_hidden_states', dtype: 'F32', shape: [samples, 4, config.textDim] },
        { name: 'timestep', dtype: 'F32', shape: [samples] },
      ],
      { img_shapes: `[[1, 1, ${imageTokens}]]` },
    );
    const size = header.length + tensors.reduce((sum, { shape }) => sum + 4 * shape.reduce((x, y) => x * y, 1), 0);
    const { blob, reads } = countingReads(sparseBlob(size, header));
    return { file: { path: 'calibration.safetensors', blob }, reads };
  }

  test.each([
    [
      'too many inputs',
      2 ** 16,
      2 ** 12,
      /65536 samples of 4096 image and 4 text tokens.*at most \d+ samples.*Save \d+ samples or fewer/,
    ],
    ['too many samples', 2 ** 18, 4, /262144 samples.*at most 131072 samples/],
    ['one sample too large', 1, 2 ** 28, /at most 0 samples.*Save samples of fewer tokens/],
  ])('is refused with what would do: %s', async (_, samples, imageTokens, message) => {
    const { file: large, reads } = sparse(samples, imageTokens);
    await expect(readForwardInputs(large, config)).rejects.toThrow(message);
    expect(reads).toHaveLength(1);
  });

  test('is refused for its states where its inputs would do', async () => {
    const { file: large } = sparse(2 ** 15, 2 ** 10);
    await expect(fileCalibration(large, { ...config, width: 2 ** 10 })).rejects.toThrow(
      /too many samples to be held in memory/,
    );
  });
});
