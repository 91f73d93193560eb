import { expect, it } from 'vitest';
import { fingerprintOf, openCheckpoint, type TensorToWrite, writeSafetensors } from '../checkpoint/index.ts';
import { type ModulationEdit, modulationEdit, NO_EDITS } from '../edit/index.ts';
import { familyNamed } from '../model/config-index.ts';
import { goldenQ1 } from '../model/qwen-image/goldens.ts';
import { fromFloat32 } from '../tensor/float.ts';
import { tinyPlan } from './plan-fixtures.ts';
import { fitTensors } from './shared-weights.ts';
import { studentFolder } from './student-folder.ts';
import { TRAINED_METADATA } from './trained-file.ts';

const { config, checkpoint: inFloat32 } = goldenQ1();
const written: TensorToWrite[] = [];
for (const { name, shape } of inFloat32.tensors.values()) {
  written.push({ name, shape, dtype: 'BF16', bytes: fromFloat32(await inFloat32.readFloat32(name), 'BF16') });
}
const checkpoint = await openCheckpoint([{ path: 'model.safetensors', blob: new Blob([writeSafetensors(written)]) }]);
const fingerprint = await fingerprintOf(familyNamed(config.family).identity, config.raw, checkpoint);
const EDIT = modulationEdit({ rank: 2 }, [1]);

async function exported(edit: ModulationEdit, dtype: 'teacher' | 'F32' = 'teacher') {
  const fitted = fitTensors(edit, 0, config.width).map(({ name, shape }): TensorToWrite => {
    const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, k) => Math.sin(k + 1) / 8);
    return { name, shape, dtype: 'F32', bytes: fromFloat32(values, 'F32') };
  });
  const modulations = writeSafetensors(fitted, {
    format: 'pt',
    [TRAINED_METADATA.teacher]: fingerprint,
    [TRAINED_METADATA.family]: config.family,
    [TRAINED_METADATA.kind]: 'modulations',
  });
  return await studentFolder({
    teacher: { name: 'tiny', config, checkpoint, folder: '', companions: [] },
    plan: tinyPlan(config, fingerprint, NO_EDITS),
    students: [],
    fineTuned: null,
    run: null,
    narrow: {
      edits: [{ ...edit, fitError: null, outputError: null }],
      maps: [],
      modulations: { path: 'modulations.safetensors', blob: new Blob([modulations]) },
    },
    dtype,
  });
}

async function dtypesWritten(dtype: 'teacher' | 'F32') {
  const files = await exported(EDIT, dtype);
  const { tensors } = await openCheckpoint(files.filter(({ path }) => path.endsWith('.safetensors')));
  return (name: string) => tensors.get(name)?.dtype;
}

const SHARED = [
  'modulation_basis.0.weight',
  'transformer_blocks.1.img_mod.1.weight',
  'transformer_blocks.1.img_mod.1.bias',
  'transformer_blocks.1.txt_mod.1.weight',
];

it.each([
  ['teacher', 'BF16'],
  ['F32', 'F32'],
] as const)(
  'what blocks of a BF16 model share is written in the type that was asked for: %s',
  async (dtype, stored) => {
    const dtypeOf = await dtypesWritten(dtype);
    expect(SHARED.map(dtypeOf)).toEqual(SHARED.map(() => stored));
    // The block that shares nothing, and layers that no edit touches.
    expect(dtypeOf('transformer_blocks.0.img_mod.1.weight')).toBe('BF16');
    expect(dtypeOf('transformer_blocks.1.attn.to_q.weight')).toBe('BF16');
  },
);

it.each<[string, ModulationEdit, RegExp, RegExp]>([
  ['a basis', EDIT, /The basis of shared modulations is the one that loses least/, /The table/],
  ['a table', modulationEdit({ table: [1, 0.5] }), /The table of shared modulations holds/, /basis/],
])(
  'the card of a model that shares modulations by %s says how that was made, and names no other reader',
  async (_, edit, said, unsaid) => {
    const files = await exported(edit);
    const card = await new Response(await files.find(({ path }) => path === 'README.md')!.blob.arrayBuffer()).text();
    expect(card).toMatch(said);
    expect(card).not.toMatch(unsaid);
    expect(card).toContain('Contigua alone reads it');
    expect(card).not.toMatch(
      /transformer=transformer|library_name|- distillation|- depth-pruning|Blocks were taken out/,
    );
  },
);
