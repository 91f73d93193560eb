import { describe, expect, it, test } from 'vitest';
import { fingerprintOf, openCheckpoint, openFile, type TensorToWrite, writeSafetensors } from '../checkpoint/index.ts';
import { ffnEdit, modulationEdit, runEdits, textStreamEdit, type WidthEdit } from '../edit/index.ts';
import {
  countParameters,
  expectedTensors,
  familyNamed,
  parseModelConfig,
  studentBlock,
  type TensorSpec,
} from '../model/config-index.ts';
import { goldenModel } from '../model/golden-fill.ts';
import { openTransformer } from '../model/open.ts';
import { goldenNarrow } from '../model/qwen-image/goldens.ts';
import { parsePlan } from '../plan/index.ts';
import { fromFloat32 } from '../tensor/float.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import { tinyPlan } from './plan-fixtures.ts';
import { studentFolder } from './student-folder.ts';
import { TRAINED_METADATA } from './trained-file.ts';
import type { TrainedModel } from './trained-model.ts';

const { single_stream_index: _, ffn_proj_index: __, ehs_proj_index: ___, ...plain } = goldenNarrow().config.raw;
const { config, checkpoint } = goldenModel({ ...plain, num_layers: 8 });
const D = config.width;
const fingerprint = await fingerprintOf(familyNamed(config.family).identity, config.raw, checkpoint);
const RUN = { first: 3, last: 4 };
/** The first group ends on a block that the run takes away. */
const EDITS: readonly WidthEdit[] = [
  textStreamEdit({ first: 0, last: 4 }),
  textStreamEdit({ first: 5, last: 7 }),
  ffnEdit(3, 'image'),
  ffnEdit(5, 'image'),
  ffnEdit(5, 'text'),
];
/** By the teacher's block: what each of them needs. */
const MAPS = [
  '1.txt_proj',
  '2.txt_proj',
  '3.txt_proj',
  '3.ehs_proj',
  '3.img_ffn_proj',
  '5.img_ffn_proj',
  '5.txt_ffn_proj',
  '6.txt_proj',
  '7.txt_proj',
  '7.ehs_proj',
];

/** Every tensor has values of its own. */
const valuesOf = (place: number, shape: readonly number[]) =>
  Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, k) => Math.sin(1 + k + 1000 * place) / 8);

function fileOf(name: string, tensors: readonly TensorSpec[], metadata: Readonly<Record<string, string>>) {
  const written = tensors.map(
    ({ name, shape }, i): TensorToWrite => ({
      name,
      shape,
      dtype: 'F32',
      bytes: fromFloat32(valuesOf(i, shape), 'F32'),
    }),
  );
  const shared = { format: 'pt', [TRAINED_METADATA.teacher]: fingerprint, [TRAINED_METADATA.family]: config.family };
  return { path: name, blob: new Blob([writeSafetensors(written, { ...shared, ...metadata })]) };
}

const mapTensors = (names: readonly string[]): TensorSpec[] =>
  names.flatMap((name) => [
    { name: `${name}.weight`, shape: [D, D] },
    { name: `${name}.bias`, shape: [D] },
  ]);
const mapsFile = (names = MAPS) => fileOf('maps.safetensors', mapTensors(names), { [TRAINED_METADATA.kind]: 'maps' });
const student = fileOf('3-4.safetensors', studentBlock(config, RUN).tensors, {
  [TRAINED_METADATA.kind]: 'student',
  [TRAINED_METADATA.interval]: '3-4',
});

const optionsOf = (narrow: TrainedModel['narrow']): TrainedModel => ({
  teacher: { name: 'tiny', config, checkpoint, folder: '', companions: [] },
  plan: tinyPlan(config, fingerprint, runEdits([RUN], 'student')),
  students: [{ interval: RUN, file: student }],
  fineTuned: null,
  run: null,
  ...(narrow ? { narrow } : {}),
});

async function exported(edits = EDITS, maps: ReturnType<typeof mapsFile> | null = mapsFile()) {
  const planned = edits.map((edit) => ({ ...edit, fitError: 0.25, outputError: null }));
  const files = await studentFolder(optionsOf({ edits: planned, maps: maps ? [maps] : [] }));
  const text = async (path: string) =>
    new TextDecoder().decode(await files.find((file) => file.path === path)!.blob.arrayBuffer());
  const model = parseModelConfig(await text('config.json'), 'config.json');
  const weights = await openCheckpoint(files.filter(({ path }) => path.endsWith('.safetensors')));
  return { files, text, model, weights };
}

describe('a model with narrower blocks, as a folder', () => {
  it('has the config and the names and shapes of PPCL’s class, and no others', async () => {
    const { model, weights } = await exported();
    expect(model.raw).toMatchObject({
      num_layers: 7,
      single_stream_index: [1, 2, 3, 5, 6],
      ffn_proj_index: [3, 4],
      ehs_proj_index: [3, 6],
    });
    const shapes = [...weights.tensors.values()].map(({ name, shape }) => `${name} ${shape}`);
    expect(shapes.sort()).toEqual(
      expectedTensors(model)
        .map(({ name, shape }) => `${name} ${shape}`)
        .sort(),
    );
  });

  it('gives every projector its own weights, also at the end of a group whose last block is removed', async () => {
    const { weights } = await exported();
    const file = await openFile(mapsFile());
    const places = new Map([0, 1, 2, 3, 5, 6, 7].map((old, place) => [String(old), place]));
    for (const { name } of mapTensors(MAPS)) {
      const [old = '', ...local] = name.split('.');
      const written = await weights.readFloat32(`transformer_blocks.${places.get(old)}.${local.join('.')}`);
      expect(written, name).toEqual(await file.readFloat32(name));
    }
  });

  it('keeps the rows of attention’s modulation where feed-forward layers are linear, of students and of the teacher', async () => {
    const { weights } = await exported();
    const ofStudent = await (await openFile(student)).readFloat32('img_mod.1.weight');
    expect(await weights.readFloat32('transformer_blocks.3.img_mod.1.weight')).toEqual(
      ofStudent.subarray(0, 3 * D * D),
    );
    for (const part of ['weight', 'bias']) {
      const whole = await checkpoint.readFloat32(`transformer_blocks.5.txt_mod.1.${part}`);
      const kept = await weights.readFloat32(`transformer_blocks.4.txt_mod.1.${part}`);
      expect(kept).toEqual(whole.subarray(0, whole.length / 2));
    }
    // The rest of a narrower block is the student's or the teacher's.
    expect(await weights.readFloat32('transformer_blocks.3.attn.to_add_out.weight')).toEqual(
      await (await openFile(student)).readFloat32('attn.to_add_out.weight'),
    );
    expect(await weights.readFloat32('transformer_blocks.6.img_mlp.net.2.weight')).toEqual(
      await checkpoint.readFloat32('transformer_blocks.7.img_mlp.net.2.weight'),
    );
  });

  it('says in its card which class and which diffusers read it, and in its plan what was done', async () => {
    const { text, model } = await exported();
    const card = await text('README.md');
    expect(card).toMatch(
      /PPCL's `QwenImageTransformer2DModel` reads it: .*transformer_qwenimage_pruning\.py.*0\.36 or earlier/,
    );
    expect(card).toContain('from transformer_qwenimage_pruning import QwenImageTransformer2DModel');
    expect(card).toContain('5 blocks are narrower');
    const plan = parsePlan(await text('plan.json'), 'plan.json');
    expect(plan.edits.map(({ on }) => on)).toEqual(['text-stream', 'run', 'ffn', 'text-stream', 'ffn', 'ffn']);
    expect(plan.parameters.after).toBe(countParameters(model).total);
  });

  it.each<[string, () => Promise<unknown>, RegExp]>([
    [
      'a map is missing',
      () => exported(EDITS, mapsFile(MAPS.filter((name) => name !== '3.ehs_proj'))),
      /maps\.safetensors.*3\.ehs_proj\.weight.*missing/s,
    ],
    ['there is one too many', () => exported(EDITS, mapsFile([...MAPS, '0.txt_proj'])), /No such weight/],
    ['the file is a student', () => exported(EDITS, student), /no file of linear maps/],
    [
      'what modulations share is missing',
      () => exported([modulationEdit({ rank: 4 })], null),
      /not found yet.*modulation rank 4/s,
    ],
    ['no class reads an edit', () => exported([ffnEdit(5, 'text')]), /all streams of a block/],
    ['an edit clashes with a run', () => exported([ffnEdit(4, 'image')]), /takes the block away/],
  ])('is refused where %s', async (_, make, message) => {
    await expect(make()).rejects.toThrow(message);
  });
});

describePerEngine(['wasm'], 'a model with narrower blocks that was exported', () => {
  test('opens and runs', async () => {
    const { model, weights } = await exported();
    const transformer = await openTransformer(model, weights);
    const output = await transformer.forward(goldenNarrow().inputs);
    expect(output.every(Number.isFinite)).toBe(true);
    transformer.dispose();
  });
});
