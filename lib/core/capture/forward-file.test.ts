/** Arguments that diffusers runs, in each form of Qwen-Image, in FLUX.1 and in FLUX.2; what it runs them to is in the golden cases. */
import { describe, expect, test } from 'vitest';
import { type TensorToWrite, writeSafetensors } from '../checkpoint/index.ts';
import { named } from '../checkpoint/testing.ts';
import { FLUX_GOLDENS } from '../model/flux/goldens.ts';
import { FLUX2_GOLDENS } from '../model/flux2/goldens.ts';
import { goldenCase, goldenInputs } from '../model/golden-fill.ts';
import { type ModelConfig, parseModelConfig } from '../model/index.ts';
import { goldenQ1 } from '../model/qwen-image/goldens.ts';
import { fromFloat32 } from '../tensor/index.ts';
import { checkCalibration } from './check-calibration.ts';
import { fileCalibration, readForwardInputs } from './file-calibration.ts';
import { syntheticCalibration } from './synthetic-calibration.ts';

const form = (changes: Record<string, unknown>): ModelConfig =>
  parseModelConfig(JSON.stringify({ ...goldenQ1().config.raw, ...changes }), 'config.json');
const plain = form({});
const edit = form({ zero_cond_t: true });
const layered = form({ use_layer3d_rope: true, use_additional_t_cond: true });
const flux = goldenCase(FLUX_GOLDENS[1]!).config;
const [flux2, klein] = FLUX2_GOLDENS.map((spec) => goldenCase(spec).config) as [ModelConfig, ModelConfig];

function floats(name: string, shape: number[], value: (i: number) => number): TensorToWrite {
  const values = Float32Array.from({ length: shape.reduce((product, n) => product * n, 1) }, (_, i) => value(i));
  return { name, dtype: 'F32', shape, bytes: fromFloat32(values, 'F32') };
}
const integers = (name: string, values: readonly number[], shape = [values.length]): TensorToWrite => ({
  name,
  dtype: 'I64',
  shape,
  bytes: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
});
/** `samples` samples of six image tokens and four text tokens; a later tensor takes the place of an earlier one of its name. */
function file(samples: number, img_shapes: unknown, ...others: TensorToWrite[]) {
  const tensors = [
    floats('hidden_states', [samples, 6, 16], (i) => i / 8),
    floats('encoder_hidden_states', [samples, 4, 16], (i) => i / 4),
    floats('timestep', [samples], () => 0.5),
    ...others,
  ];
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  return named(
    'inputs.safetensors',
    writeSafetensors([...byName.values()], { img_shapes: JSON.stringify(img_shapes) }),
  );
}
const SHAPE = [[1, 2, 3]];
const EDIT_SHAPES = [
  [
    [1, 1, 2],
    [1, 2, 2],
  ],
  [
    [1, 2, 2],
    [1, 1, 2],
  ],
];

describe('a forward file', () => {
  test('may have one time step for all samples, as int64', async () => {
    const inputs = await readForwardInputs(file(3, SHAPE, integers('timestep', [2])), plain);
    expect([...inputs.timestep]).toEqual([2, 2, 2]);
  });

  test('may have one row of states beside several time steps', async () => {
    const times = floats('timestep', [2], (i) => i / 4);
    const inputs = await readForwardInputs(file(1, SHAPE, times), plain);
    expect(inputs).toMatchObject({ batch: 2, timestep: Float32Array.of(0, 0.25) });
    expect(inputs.hiddenStates.subarray(0, 96)).toEqual(inputs.hiddenStates.subarray(96));
    expect(inputs.encoderHiddenStates).toHaveLength(2 * 4 * 16);
  });

  test('may have time steps outside 0 to 1', async () => {
    const inputs = await readForwardInputs(
      file(
        2,
        SHAPE,
        floats('timestep', [2], (i) => [-3.5, 1000][i]!),
      ),
      plain,
    );
    expect([...inputs.timestep]).toEqual([-3.5, 1000]);
  });

  test('may have a sample without a valid text token', async () => {
    const mask = floats('encoder_hidden_states_mask', [2, 4], (i) => (i < 4 ? 0 : 1));
    expect([...(await readForwardInputs(file(2, SHAPE, mask), plain)).mask!]).toEqual([0, 0, 0, 0, 1, 1, 1, 1]);
  });

  test('whose samples differ in image shapes has the positions of the first, and the references of each', async () => {
    const inputs = await readForwardInputs(file(2, EDIT_SHAPES), edit);
    expect(inputs.imageShapes).toEqual(EDIT_SHAPES[0]);
    expect(inputs.shapesOfSamples).toEqual(EDIT_SHAPES);
    // Without references, diffusers reads nothing but the first entry.
    await expect(
      readForwardInputs(
        file(2, [
          [1, 2, 3],
          [1, 9, 9],
        ]),
        plain,
      ),
    ).resolves.toMatchObject({ imageShapes: SHAPE });
    await expect(
      readForwardInputs(
        file(3, [
          [1, 2, 3],
          [1, 9, 9],
        ]),
        plain,
      ),
    ).resolves.toMatchObject({ imageShapes: SHAPE });
  });

  test('of FLUX.2 may leave positions out: they are those of the pipeline, references ten apart', async () => {
    const own = [
      floats('hidden_states', [1, 3, 8], () => 0),
      floats('encoder_hidden_states', [1, 2, 24], () => 0),
      integers('guidance', [4]),
    ];
    const shapes = [
      [1, 1, 2],
      [1, 1, 1],
    ];
    const { extra } = await readForwardInputs(file(1, [shapes], ...own), flux2);
    expect([...extra.img_ids!.values]).toEqual([0, 0, 0, 0, 0, 0, 1, 0, 10, 0, 0, 0]);
    expect([...extra.txt_ids!.values]).toEqual([0, 0, 0, 0, 0, 0, 0, 1]);
    expect([...extra.guidance!.values]).toEqual([4]);
  });

  test('of FLUX.2 may have whole positions of every sample, of which the first count', async () => {
    const own = [
      floats('hidden_states', [2, 1, 8], () => 0),
      floats('encoder_hidden_states', [2, 1, 24], () => 0),
      integers('img_ids', [10, 1, 2, 0, 9, 9, 9, 9], [2, 1, 4]),
      integers('txt_ids', [0, 0, 0, 5, 9, 9, 9, 9], [2, 1, 4]),
    ];
    // A guidance is left alone where nothing embeds it.
    for (const guidance of [[], [floats('guidance', [2], () => 3)]]) {
      const { extra } = await readForwardInputs(file(2, [[1, 1, 1]], ...own, ...guidance), klein);
      expect(Object.keys(extra)).toEqual(['img_ids', 'txt_ids']);
      expect([...extra.img_ids!.values]).toEqual([10, 1, 2, 0]);
      expect([...extra.txt_ids!.values]).toEqual([0, 0, 0, 5]);
    }
    await expect(readForwardInputs(file(2, [[1, 1, 1]], ...own), flux2)).rejects.toMatchObject({
      code: 'inputs-invalid',
      details: { tensor: 'guidance', expected: '[2]' },
    });
    const threeAxes = integers('img_ids', [0, 1, 2], [1, 3]);
    await expect(readForwardInputs(file(2, [[1, 1, 1]], ...own, threeAxes), klein)).rejects.toMatchObject({
      code: 'inputs-invalid',
      details: { tensor: 'img_ids', found: '[1, 3]', expected: '[1, 4]' },
    });
  });

  test('may have one row of an input for all samples', async () => {
    const condition = await readForwardInputs(file(3, SHAPE, integers('additional_t_cond', [1])), layered);
    expect([...condition.extra.additional_t_cond!.values]).toEqual([1, 1, 1]);
    const [pooled, guidance] = [floats('pooled_projections', [1, 32], (i) => i), floats('guidance', [1], () => 3)];
    const hidden = floats('hidden_states', [2, 6, 4], () => 0);
    const text = floats('encoder_hidden_states', [2, 4, 32], () => 0);
    const inputs = await readForwardInputs(file(2, SHAPE, hidden, text, pooled, guidance), flux);
    expect([...inputs.extra.guidance!.values]).toEqual([3, 3]);
    expect(inputs.extra.pooled_projections!.values.slice(30, 34)).toEqual(Float32Array.of(30, 31, 0, 1));
  });

  test('may have whole positions and a whole guidance', async () => {
    const tensors = [
      floats('hidden_states', [1, 2, 4], () => 0),
      floats('encoder_hidden_states', [1, 1, 32], () => 0),
      floats('pooled_projections', [1, 32], () => 0),
      integers('img_ids', [0, 1, 2, 0, 1, -3], [2, 3]),
      integers('txt_ids', [0, 0, 0], [1, 3]),
      integers('guidance', [4]),
    ];
    const { extra } = await readForwardInputs(file(1, [[1, 1, 2]], ...tensors), flux);
    expect([...extra.img_ids!.values, ...extra.guidance!.values]).toEqual([0, 1, 2, 0, 1, -3, 4]);
  });

  test('of FLUX.1 with other axes than the pipeline’s gives the positions itself', async () => {
    const raw = { ...flux.raw, axes_dims_rope: [4, 4, 4, 4] };
    const fourAxes = parseModelConfig(JSON.stringify(raw), 'config.json');
    const tensors = [
      floats('hidden_states', [1, 2, 4], () => 0),
      floats('encoder_hidden_states', [1, 1, 32], () => 0),
      floats('pooled_projections', [1, 32], () => 0),
      floats('guidance', [1], () => 3),
    ];
    const ids = [integers('img_ids', [0, 1, 2, 3, 4, 5, 6, 7], [2, 4]), integers('txt_ids', [0, 0, 0, 9], [1, 4])];
    const { extra } = await readForwardInputs(file(1, [[1, 1, 2]], ...tensors, ...ids), fourAxes);
    expect([...extra.img_ids!.values, ...extra.txt_ids!.values]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 9]);
    await expect(readForwardInputs(file(1, [[1, 1, 2]], ...tensors), fourAxes)).rejects.toThrow(
      /img_ids.*missing.*\[2, 4\]/,
    );
    const layout = { batch: 1, imageTokens: 2, textTokens: 1, mask: null, timestep: Float32Array.of(0), guidance: 1 };
    expect(() => goldenInputs({ ...layout, imageShapes: [[1, 1, 2]] }, fourAxes)).toThrow(
      /No pipeline says which positions.*contigua forward/,
    );
  });

  test('of a family without a mask has none', async () => {
    const { config, inputs } = goldenCase(FLUX_GOLDENS[0]!);
    const of = (name: string, values: Float32Array, ...shape: number[]) => floats(name, shape, (i) => values[i]!);
    const tensors = [
      of('hidden_states', inputs.hiddenStates, 1, 15, 4),
      of('encoder_hidden_states', inputs.encoderHiddenStates, 1, 7, 32),
      of('timestep', inputs.timestep, 1),
      of('pooled_projections', inputs.extra.pooled_projections!.values, 1, 32),
      floats('encoder_hidden_states_mask', [1, 7], () => 0),
    ];
    const bytes = writeSafetensors(tensors, { img_shapes: '[[1,3,5]]' });
    expect(await readForwardInputs(named('inputs.safetensors', bytes), config)).toMatchObject({ mask: null });
  });

  test.each<[string, () => ReturnType<typeof file>, ModelConfig, RegExp]>([
    [
      'no additional_t_cond',
      () => file(2, SHAPE),
      layered,
      /inputs\.safetensors › additional_t_cond: A tensor is missing; found only .*hidden_states.*expected \[2\]/,
    ],
    [
      'an additional_t_cond that names no row',
      () => file(2, SHAPE, integers('additional_t_cond', [0, 2])),
      layered,
      /› additional_t_cond: The embedding has no such row; found 2 at element 1.*from 0 to 1/,
    ],
    [
      'a negative additional_t_cond',
      () => file(2, SHAPE, integers('additional_t_cond', [-1, 0])),
      layered,
      /› additional_t_cond: .*found -1 at element 0/,
    ],
    [
      'an additional_t_cond of floats',
      () =>
        file(
          2,
          SHAPE,
          floats('additional_t_cond', [2], () => 0),
        ),
      layered,
      /› additional_t_cond: Wrong dtype; found F32.*I64 or I32/,
    ],
    [
      'an additional_t_cond of other samples',
      () => file(2, SHAPE, integers('additional_t_cond', [0, 0, 0])),
      layered,
      /› additional_t_cond: Wrong shape; found \[3\].*\[2\]/,
    ],
    [
      'a condition image of two frames',
      () =>
        file(
          2,
          [
            [
              [1, 1, 2],
              [2, 1, 2],
            ],
          ],
          integers('additional_t_cond', [0, 0]),
        ),
      layered,
      /› img_shapes: The last image is the condition.*found \[2,1,2\].*\[1, height, width\]/,
    ],
    [
      'references of one sample that do not add up',
      () =>
        file(2, [
          EDIT_SHAPES[0],
          [
            [1, 2, 2],
            [1, 2, 2],
          ],
        ]),
      edit,
      /› img_shapes: Image shapes of sample 1 do not add up.*= 8 tokens.*6 tokens/,
    ],
    [
      'references of fewer samples',
      () => file(3, EDIT_SHAPES),
      edit,
      /› img_shapes: Image shapes are not those of every sample; found 2.*1 or 3/,
    ],
    [
      'images that do not add up',
      () =>
        file(2, [
          [
            [1, 2, 3],
            [1, 1, 1],
          ],
        ]),
      edit,
      /› img_shapes do not add up|7 tokens.*6/,
    ],
    [
      'a guidance',
      () =>
        file(
          2,
          SHAPE,
          floats('guidance', [2], () => 3.5),
        ),
      form({ guidance_embeds: true }),
      /› guidance: The model takes no such input.*TypeError/,
    ],
  ])('with %s is refused by name', async (_, make, config, message) => {
    await expect(readForwardInputs(make(), config)).rejects.toThrow(message);
  });

  test('with more text than there are positions beside its images is refused', async () => {
    const image = floats('hidden_states', [1, 8000, 16], () => 0);
    const text = floats('encoder_hidden_states', [1, 97, 16], () => 0);
    await expect(readForwardInputs(file(1, [[1, 8000, 1]], image, text), plain)).rejects.toThrow(
      /› img_shapes: The text has no positions left.*97 text tokens from position 4000.*up to 4095/,
    );
    const shorter = floats('encoder_hidden_states', [1, 96, 16], () => 0);
    await expect(readForwardInputs(file(1, [[1, 8000, 1]], image, shorter), plain)).resolves.toBeDefined();
  });
});

describe('a calibration file', () => {
  test('keeps each sample’s references when it is cut into batches and checked in portions', async () => {
    const samples = 40;
    const shapes = Array.from({ length: samples }, (_, i) => EDIT_SHAPES[i % 2]);
    const whole = file(samples, shapes);
    const { batches } = await fileCalibration(whole, edit);
    expect(batches.flatMap(({ shapesOfSamples }) => shapesOfSamples)).toEqual(shapes);
    expect(batches.every(({ imageShapes }) => imageShapes === batches[0]!.imageShapes)).toBe(true);
    await expect(checkCalibration(whole, edit, 2000)).resolves.toBeUndefined();
    const wrong = shapes.with(35, [[1, 2, 2]]);
    await expect(checkCalibration(file(samples, wrong), edit, 2000)).rejects.toThrow(/do not add up.*of 40/);
  });

  test('with one time step for all is checked in portions', async () => {
    const whole = file(
      40,
      SHAPE,
      floats('timestep', [1], () => 0.25),
    );
    await expect(checkCalibration(whole, plain, 2000)).resolves.toBeUndefined();
  });

  test('of a layered model needs a layer beside the condition image', async () => {
    const only = file(2, SHAPE, integers('additional_t_cond', [0, 0]));
    await expect(fileCalibration(only, layered)).rejects.toThrow(
      /› img_shapes: .*no layers.*found \[\[1,2,3\]\].*condition image last/,
    );
    // diffusers runs it: the only image is the condition.
    await expect(readForwardInputs(only, layered)).resolves.toBeDefined();
  });
});

describe('synthetic inputs', () => {
  test.each([
    [plain, [[1, 8, 8]], '8 × 8 tokens'],
    [
      edit,
      [
        [1, 8, 8],
        [1, 6, 8],
      ],
      '8 × 8 tokens with a reference of 6 × 8',
    ],
    [
      layered,
      [
        [1, 8, 8],
        [1, 8, 8],
        [1, 8, 8],
        [1, 8, 8],
      ],
      'a picture, 2 layers and a condition image of 8 × 8 tokens each',
    ],
    [flux, [[1, 8, 8]], '8 × 8 tokens'],
    [flux2, [[1, 8, 8]], '8 × 8 tokens'],
  ])('are laid out as the pipeline of the form lays them out (%#)', (config, imageShapes, label) => {
    const { batches, facts } = syntheticCalibration(config, { samples: 2, timesteps: 2, seed: 3 });
    expect(batches[0]).toMatchObject({ imageShapes, imageTokens: imageShapes.reduce((n, [, h, w]) => n + h! * w!, 0) });
    expect(facts.label).toBe(`SYNTHETIC inputs, seed 3: ${label}`);
  });
});
