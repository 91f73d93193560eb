import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import {
  type BlobLike,
  type Checkpoint,
  fingerprintOf,
  openCheckpoint,
  openFile,
  type TensorToWrite,
  writeSafetensors,
} from '../checkpoint/index.ts';
import { countingReads } from '../checkpoint/testing.ts';
import { DEFAULT_DETECTION } from '../detection/index.ts';
import { runEdit, runEdits } from '../edit/index.ts';
import { ContiguaError } from '../errors.ts';
import {
  architectureOf,
  countParameters,
  expectedTensors,
  familyNamed,
  parseModelConfig,
} from '../model/config-index.ts';
import { buildPlan, parseRunPlan } from '../plan/index.ts';
import { seededRandom } from '../random.ts';
import { DEFAULT_DISTIL, type JobView, type StandInError } from '../run/index.ts';
import { fromFloat32 } from '../tensor/float.ts';
import { type PluggedStudent, studentFolder, type Teacher, TRAINED_METADATA, type TrainedModel } from './index.ts';

const RAW = {
  _class_name: 'QwenImageTransformer2DModel',
  attention_head_dim: 8,
  axes_dims_rope: [4, 2, 2],
  in_channels: 4,
  joint_attention_dim: 8,
  num_attention_heads: 1,
  num_layers: 6,
  out_channels: 1,
  patch_size: 2,
};
const config = parseModelConfig(JSON.stringify(RAW), 'config.json');
const random = seededRandom(5);

/** The globals and block vectors in F32, all other weights in BF16, as mixed as checkpoints get. */
const teacherTensors = expectedTensors(config).map(({ name, shape, block }): TensorToWrite => {
  const dtype = block === null || shape.length === 1 ? 'F32' : 'BF16';
  return { name, shape, dtype, bytes: fromFloat32(filled(shape), dtype) };
});
const teacherFile = writeSafetensors(teacherTensors);
const openWeights = async (blob: BlobLike) =>
  await openCheckpoint([{ path: 'diffusion_pytorch_model.safetensors', blob }]);
const checkpoint = await openWeights(new Blob([teacherFile]));
const teacherOf = (opened: Checkpoint): Teacher => ({
  name: 'tiny',
  config,
  checkpoint: opened,
  folder: 'transformer',
  companions: [],
});
const fingerprint = await fingerprintOf(familyNamed(config.family).identity, RAW, checkpoint);
const counts = countParameters(config);
const INTERVALS = [
  { first: 1, last: 2 },
  { first: 3, last: 5 },
];
const plan = buildPlan({
  model: {
    name: 'tiny',
    fingerprint,
    className: config.className,
    family: config.family,
    numBlocks: 6,
    width: config.width,
    ...architectureOf(config),
    globalParameters: counts.globals,
  },
  report: null,
  edits: runEdits(INTERVALS, 'nothing'),
  detection: DEFAULT_DETECTION,
});

function filled(shape: readonly number[]): Float32Array {
  return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal());
}

const BLOCK = expectedTensors({ ...config, numBlocks: 1 })
  .filter(({ block }) => block === 0)
  .map(({ name, shape }) => ({ name: name.replace('transformer_blocks.0.', ''), shape }));

interface Spoilt {
  readonly tensors?: (tensors: TensorToWrite[]) => TensorToWrite[];
  readonly metadata?: Readonly<Record<string, string>>;
}

function trainedFile(
  names: readonly { name: string; shape: readonly number[] }[],
  metadata: Readonly<Record<string, string>>,
  { tensors = (all) => all, metadata: more = {} }: Spoilt,
): Blob {
  const made = names.map(
    ({ name, shape }): TensorToWrite => ({ name, shape, dtype: 'F32', bytes: fromFloat32(filled(shape), 'F32') }),
  );
  return new Blob([
    writeSafetensors(tensors(made), {
      format: 'pt',
      [TRAINED_METADATA.teacher]: fingerprint,
      [TRAINED_METADATA.family]: 'qwen-image',
      ...metadata,
      ...more,
    }),
  ]);
}

function student(index: number, spoilt: Spoilt = {}): PluggedStudent {
  const interval = INTERVALS[index]!;
  const key = `${interval.first}-${interval.last}`;
  const metadata = { [TRAINED_METADATA.kind]: 'student', [TRAINED_METADATA.interval]: key };
  return { interval, file: { path: `${key}.safetensors`, blob: trainedFile(BLOCK, metadata, spoilt) } };
}

function fineTuned(names: readonly { name: string; shape: readonly number[] }[], plugged: string, spoilt: Spoilt = {}) {
  const metadata = { [TRAINED_METADATA.kind]: 'fine-tuned', [TRAINED_METADATA.plugged]: plugged };
  return { path: 'fine-tuned.safetensors', blob: trainedFile(names, metadata, spoilt) };
}

const optionsOf = (more: Partial<TrainedModel> = {}): TrainedModel => ({
  teacher: teacherOf(checkpoint),
  plan,
  students: [],
  fineTuned: null,
  run: null,
  ...more,
});

async function exported(more: Partial<TrainedModel> = {}) {
  const files = await studentFolder(optionsOf(more));
  const find = (path: string) => {
    const file = files.find((one) => one.path === path);
    if (!file) throw new Error(`${path} is not among ${files.map((one) => one.path).join(', ')}`);
    return file.blob;
  };
  const text = async (path: string) => new TextDecoder().decode(await find(path).arrayBuffer());
  const weights = () =>
    openCheckpoint(
      files
        .filter(({ path }) => path.startsWith('transformer/'))
        .map(({ path, blob }) => ({ path: path.slice('transformer/'.length), blob })),
    );
  return { files, find, text, weights };
}

async function refusal(more: Partial<TrainedModel>): Promise<ContiguaError> {
  const thrown = await studentFolder(optionsOf(more)).then(
    () => new Error('was accepted'),
    (error: unknown) => error,
  );
  if (thrown instanceof ContiguaError) return thrown;
  throw thrown;
}

const valuesOf = async ({ file }: PluggedStudent, name: string) => (await openFile(file)).readFloat32(name);

describe('studentFolder', () => {
  it('plugs students in, renumbers the blocks after them and leaves no key out or over', async () => {
    const students = [student(1), student(0)];
    const { weights, text, files } = await exported({ students });
    const result = await weights();
    const smaller = parseModelConfig(await text('transformer/config.json'), 'config.json');
    expect(smaller.numBlocks).toBe(3);
    expect([...result.tensors.keys()].sort()).toEqual(
      expectedTensors(smaller)
        .map(({ name }) => name)
        .sort(),
    );
    expect(files.map(({ path }) => path)).toEqual([
      'README.md',
      'plan.json',
      'metrics.json',
      'transformer/config.json',
      'transformer/diffusion_pytorch_model.safetensors',
    ]);
    // 3-5 is block 2 now, from the student that was given first.
    const bias = await valuesOf(students[0]!, 'attn.to_q.bias');
    expect(await result.readFloat32('transformer_blocks.2.attn.to_q.bias')).toEqual(bias);
  });

  it("copies the teacher's tensors byte for byte in their types, those of unplugged intervals too", async () => {
    const { weights } = await exported({ students: [student(0)] });
    const result = await weights();
    for (const [to, from] of [
      ['img_in.weight', 'img_in.weight'],
      ['transformer_blocks.0.attn.to_q.weight', 'transformer_blocks.0.attn.to_q.weight'],
      ['transformer_blocks.2.img_mlp.net.2.weight', 'transformer_blocks.3.img_mlp.net.2.weight'],
      ['transformer_blocks.4.txt_mod.1.bias', 'transformer_blocks.5.txt_mod.1.bias'],
    ] as const) {
      expect(result.tensors.get(to)?.dtype).toBe(checkpoint.tensors.get(from)?.dtype);
      expect(Buffer.from(await result.readBytes(to)).equals(await checkpoint.readBytes(from))).toBe(true);
    }
    expect(result.tensors.has('transformer_blocks.5.attn.to_q.weight')).toBe(false);
  });

  it('gives the teacher itself back, byte for byte, where nothing is plugged in', async () => {
    const { find, text } = await exported();
    const bytes = await find('transformer/diffusion_pytorch_model.safetensors').arrayBuffer();
    expect(Buffer.from(bytes).equals(teacherFile)).toBe(true);
    expect(parseRunPlan(await text('plan.json'), 'plan.json').blocks).toEqual({ before: 6, after: 6 });
  });

  it("rounds a student to the teacher's type of each tensor, or keeps F32 when told to", async () => {
    const one = student(0);
    const trained = await valuesOf(one, 'attn.to_q.weight');
    const [rounded, kept] = [await exported({ students: [one] }), await exported({ students: [one], dtype: 'F32' })];
    const [narrow, wide] = [await rounded.weights(), await kept.weights()];
    const name = 'transformer_blocks.1.attn.to_q.weight';
    expect(narrow.tensors.get(name)?.dtype).toBe('BF16');
    expect(Buffer.from(await narrow.readBytes(name)).equals(fromFloat32(trained, 'BF16'))).toBe(true);
    expect(narrow.tensors.get('transformer_blocks.1.attn.to_q.bias')?.dtype).toBe('F32');
    expect(wide.tensors.get(name)?.dtype).toBe('F32');
    expect(await wide.readFloat32(name)).toEqual(trained);
    expect(wide.tensors.get('transformer_blocks.2.attn.to_q.weight')?.dtype).toBe('BF16');
  });

  it('splits in shards with an index above the shard size, with the same content', async () => {
    const students = [student(0)];
    const whole = await (await exported({ students })).weights();
    const { files, text, weights } = await exported({ students, maxShardBytes: 4000 });
    const shards = files.filter(({ path }) => path.endsWith('.safetensors'));
    expect(shards.length).toBeGreaterThan(2);
    const last = String(shards.length).padStart(5, '0');
    expect(shards[0]?.path).toBe(`transformer/diffusion_pytorch_model-00001-of-${last}.safetensors`);
    for (const { blob } of shards) {
      const { tensors } = await openFile({ path: 'shard', blob });
      const sizes = [...tensors.values()].map(({ start, end }) => end - start);
      expect(sizes.length === 1 || sizes.reduce((a, b) => a + b) <= 4000).toBe(true);
    }
    const sharded = await weights();
    for (const name of whole.tensors.keys()) {
      expect(Buffer.from(await sharded.readBytes(name)).equals(await whole.readBytes(name))).toBe(true);
    }
    const index = z
      .object({ metadata: z.object({ total_size: z.number() }) })
      .parse(JSON.parse(await text('transformer/diffusion_pytorch_model.safetensors.index.json')));
    const bytes = [...whole.tensors.values()].reduce((sum, { start, end }) => sum + end - start, 0);
    expect(index.metadata.total_size).toBe(bytes);
  });

  it('reads any range as a part of the whole, and of the teacher no more than the range needs', async () => {
    const { blob, reads } = countingReads(new Blob([teacherFile]));
    const { find } = await exported({
      teacher: teacherOf(await openWeights(blob)),
      students: [student(0), student(1)],
    });
    const file = find('transformer/diffusion_pytorch_model.safetensors');
    const whole = Buffer.from(await file.arrayBuffer());
    expect(whole.length).toBe(file.size);
    const { integer } = seededRandom(3);
    for (let i = 0; i < 200; i++) {
      const start = integer(file.size);
      const end = Math.min(file.size, start + integer(700));
      const part = await file
        .slice(start, end)
        .slice(0, end - start)
        .arrayBuffer();
      expect(Buffer.from(part).equals(whole.subarray(start, end))).toBe(true);
    }
    expect(Buffer.from(await file.slice(-9).arrayBuffer()).equals(whole.subarray(-9))).toBe(true);
    reads.length = 0;
    await file.slice(file.size - 64, file.size - 32).arrayBuffer();
    expect(reads.reduce((sum, [start, end]) => sum + end - start, 0)).toBeLessThanOrEqual(32);
  });

  it('puts the fine-tuned weights in the place of teacher and students alike', async () => {
    const students = [student(0), student(1)];
    const names = [
      { name: 'img_in.bias', shape: [8] },
      { name: 'transformer_blocks.1.attn.to_k.bias', shape: [8] },
    ];
    const tuned = fineTuned(names, '1-2,3-5');
    const { weights, text } = await exported({ students, fineTuned: tuned });
    const [result, trained] = [await weights(), await openFile(tuned)];
    for (const { name } of names) expect(await result.readFloat32(name)).toEqual(await trained.readFloat32(name));
    expect(await result.readFloat32('transformer_blocks.1.attn.to_q.bias')).toEqual(
      await valuesOf(students[0]!, 'attn.to_q.bias'),
    );
    expect(JSON.parse(await text('metrics.json'))).toMatchObject({ fineTuned: true });
  });

  it.each<[string, Partial<TrainedModel>, string, RegExp]>([
    [
      'a student of another teacher',
      { students: [student(0, { metadata: { [TRAINED_METADATA.teacher]: `sha256:${'0'.repeat(64)}` } })] },
      'plan-mismatch',
      /1-2\.safetensors: It was trained from another teacher; found fingerprint sha256:0000/,
    ],
    [
      'a student of other blocks',
      { students: [{ ...student(0), interval: INTERVALS[1]! }] },
      'plan-mismatch',
      /found 1-2; expected 3-5/,
    ],
    [
      'a student for an interval that the plan has not',
      { students: [{ ...student(0), interval: { first: 0, last: 1 } }] },
      'plan-invalid',
      /found 0-1; expected 1-2, 3-5/,
    ],
    ['two students for one interval', { students: [student(0), student(0)] }, 'plan-invalid', /share blocks/],
    [
      'a file that is no student',
      { students: [student(0, { metadata: { [TRAINED_METADATA.kind]: 'checkpoint' } })] },
      'checkpoint-unsupported',
      /no student; found contigua\.kind: checkpoint/,
    ],
    [
      'a missing tensor',
      { students: [student(0, { tensors: (all) => all.filter(({ name }) => name !== 'attn.to_out.0.bias') })] },
      'weight-missing',
      /attn\.to_out\.0\.bias: The student lacks a weight/,
    ],
    [
      'a misshapen tensor',
      {
        students: [
          student(0, { tensors: (all) => all.map((t) => (t.shape.join() === '8,8' ? { ...t, shape: [64] } : t)) }),
        ],
      },
      'weight-misshapen',
      /found \[64\]; expected \[8, 8\]/,
    ],
    [
      'a tensor too many',
      {
        students: [
          student(0, {
            tensors: (all) => [...all, { name: 'lora', shape: [1], dtype: 'F32', bytes: new Uint8Array(4) }],
          }),
        ],
      },
      'weight-misshapen',
      /lora: No such weight/,
    ],
    [
      'a student in another type',
      {
        students: [
          student(0, {
            tensors: (all) => [{ ...all[0]!, dtype: 'I32' }, ...all.slice(1)],
          }),
        ],
      },
      'checkpoint-unsupported',
      /not stored in F32; found I32/,
    ],
    [
      'a NaN',
      {
        students: [
          student(0, {
            tensors: (all) =>
              all.map((t) =>
                t.name === 'attn.to_q.bias'
                  ? { ...t, bytes: fromFloat32(Float32Array.of(0, 1, 2, Number.NaN, 4, 5, 6, 7), 'F32') }
                  : t,
              ),
          }),
        ],
      },
      'weight-not-finite',
      /attn\.to_q\.bias: A trained weight is not a finite number; found NaN at element 3/,
    ],
    [
      'a fine-tune of other students',
      { students: [student(0)], fineTuned: fineTuned([], '1-2,3-5') },
      'plan-mismatch',
      /fine-tuned\.safetensors: It stands for other blocks; found 1-2,3-5; expected 1-2/,
    ],
    [
      'a fine-tune with a block that is not there',
      {
        students: [student(0)],
        fineTuned: fineTuned([{ name: 'transformer_blocks.5.attn.to_q.bias', shape: [8] }], '1-2'),
      },
      'weight-misshapen',
      /transformer_blocks\.5\.attn\.to_q\.bias: No such weight/,
    ],
    [
      'a plan of another model',
      { plan: { ...plan, model: { ...plan.model, fingerprint: `sha256:${'1'.repeat(64)}` } } },
      'plan-mismatch',
      /plan\.json: The plan is for another model/,
    ],
  ])('refuses %s, saying what and where', async (_, more, code, message) => {
    const error = await refusal(more);
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
  });

  it('refuses a NaN while it is copied too, where it was told not to look before', async () => {
    const spoilt = student(0, {
      tensors: (all) =>
        all.map((t) => (t.name === 'attn.norm_q.weight' ? { ...t, bytes: new Uint8Array(32).fill(255) } : t)),
    });
    const { find } = await exported({ students: [spoilt], checkValues: false });
    await expect(find('transformer/diffusion_pytorch_model.safetensors').arrayBuffer()).rejects.toThrow(
      /attn\.norm_q\.weight: A trained weight is not a finite number/,
    );
  });
});

describe('what goes along', () => {
  const errors = (direction: number): StandInError => {
    const stream = { direction, magnitude: 0.1, relative: direction / 2 };
    return { image: stream, text: stream };
  };
  const job: JobView = {
    key: '1-2',
    kind: 'student',
    edit: runEdit(INTERVALS[0]!, 'student'),
    state: 'done',
    attempt: 1,
    step: 400,
    steps: 400,
    worker: null,
    stepsPerSecond: null,
    baselines: { firstBlock: errors(0.25), probes: errors(0.125), removal: errors(0.5) },
    startBlock: 1,
    heldOut: [
      { step: 0, student: errors(0.25) },
      { step: 400, student: errors(0.03125) },
    ],
    error: null,
    checkpointStep: 0,
    note: null,
    studentBytes: 1,
  };
  const run = {
    id: '7',
    name: 'a run',
    createdAt: '2026-11-23T04:00:00Z',
    settings: {
      data: { kind: 'shapes' },
      distil: { ...DEFAULT_DISTIL, steps: 400 },
      fineTune: null,
      engine: 'auto',
      cacheBytes: 0,
    },
    jobs: [job],
    subsets: [
      {
        plugged: ['1-2'],
        fineTuned: false,
        parameters: 1,
        blocks: 5,
        facts: { held: 45, total: 50, pictures: 10 },
        outputError: 0.0321,
        wholeMs: 20,
        subsetMs: 16,
        pictures: [{ caption: 'x', png: 'data:', held: 1, facts: 1 }],
      },
    ],
  } satisfies TrainedModel['run'];
  const companions = [
    { path: 'README.md', blob: new Blob(['---\nlicense: mit\nlibrary_name: other\ntags:\n- x\n---\n\n# tiny\n']) },
    { path: 'scheduler/scheduler_config.json', blob: new Blob(['{"shift": 1}']) },
  ];
  const given = { students: [student(0)], run, teacher: { ...teacherOf(checkpoint), companions } };

  it('writes the plan of what is plugged in and the figures of what was trained and measured', async () => {
    const { text } = await exported(given);
    const written = parseRunPlan(await text('plan.json'), 'plan.json');
    expect(written.blocks).toEqual({ before: 6, after: 5 });
    expect(written.edits).toEqual([
      { ...runEdit(INTERVALS[0]!, 'student'), cka: null, removedError: null, outputError: null },
    ]);
    const metrics: unknown = JSON.parse(await text('metrics.json'));
    expect(metrics).toMatchObject({
      version: 1,
      run: { id: '7', name: 'a run' },
      settings: run.settings,
      intervals: [
        { first: 1, last: 2, plugged: true, steps: 400, student: errors(0.03125), baselines: job.baselines },
        { first: 3, last: 5, plugged: false, steps: null, student: null, baselines: null },
      ],
      measured: { outputError: 0.0321, facts: { held: 45 } },
    });
    expect(metrics).not.toHaveProperty('measured.pictures');
  });

  it('does not take the measurement of other students for its own', async () => {
    const { text } = await exported({ ...given, students: [student(0), student(1)] });
    expect(JSON.parse(await text('metrics.json'))).toMatchObject({ measured: null });
    expect(await text('README.md')).toContain('was not measured as a whole');
  });

  it("writes a card with the base model's licence, what was replaced, the errors and the limits", async () => {
    const { text } = await exported(given);
    const card = await text('README.md');
    expect(card).toMatch(
      /^---\nbase_model: tiny\nbase_model_relation: finetune\nlibrary_name: diffusers\nlicense: mit\n/,
    );
    expect(card).toContain('| 1-2 | student | 0.0313 | 0.0156 | 0.0313 | 0.250 | 0.125 | 0.500 |');
    expect(card).toContain("| 3-5 | teacher's blocks | n/a |");
    expect(card).toContain('Caption facts right: 90.0 % (45 of 50, 10 pictures)');
    expect(card).toContain('400 steps of 16 samples per interval');
    expect(card).toContain('## Limits');
  });

  it('says that the licence is unknown where the base model names none', async () => {
    const { text } = await exported({ ...given, teacher: teacherOf(checkpoint) });
    expect(await text('README.md')).toContain('license: unknown\n');
  });

  it('says which figures are from before the joint fine-tune, and from before rounding', async () => {
    const tuned = await exported({ ...given, fineTuned: fineTuned([{ name: 'img_in.bias', shape: [8] }], '1-2') });
    expect(await tuned.text('README.md')).toContain('from before the joint fine-tune');
    const plain = await (await exported(given)).text('README.md');
    expect(plain).not.toContain('fine-tune.');
    expect(plain).toContain('Measured before trained weights were rounded to F32, BF16');
  });

  it('says how to load a model of two types', async () => {
    const { text } = await exported({ ...given, dtype: 'F32' });
    expect(await text('README.md')).toMatch(/import torch\n[^`]*subfolder="transformer", torch_dtype=torch\.float32\)/);
  });

  it("keeps companions as they are, the teacher's card under another name", async () => {
    const { text } = await exported(given);
    expect(await text('scheduler/scheduler_config.json')).toBe('{"shift": 1}');
    expect(await text('README.teacher.md')).toContain('# tiny');
  });

  it('puts the weights beside the plan where the model was one folder', async () => {
    const { files } = await exported({ ...given, teacher: { ...given.teacher, folder: '' } });
    expect(files.map(({ path }) => path)).toContain('config.json');
    expect(files.map(({ path }) => path)).toContain('diffusion_pytorch_model.safetensors');
  });
});
