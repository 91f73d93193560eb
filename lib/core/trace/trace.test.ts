import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { type BlobLike, openFile, type TensorToWrite, writeSafetensors } from '../checkpoint/index.ts';
import { fromFloat32 } from '../tensor/index.ts';
import { openTrace, readState, type Trace, traceIn, traceStates, traceSummary } from './index.ts';

const FOLDER = new URL('../../testing/traces/', import.meta.url);
const FIXTURES = ['qwen-image', 'qwen-image-edit', 'sd3', 'flux', 'flux2'];

const fixture = async (name: string) => new Blob([await readFile(new URL(`${name}/trace.safetensors`, FOLDER))]);

interface Parts {
  tensors: TensorToWrite[];
  metadata: Record<string, string>;
}

/** The trace of a tiny FLUX.1, changed in one place. */
async function changed(change: (parts: Parts) => void): Promise<Blob> {
  const checkpoint = await openFile({ path: 'trace.safetensors', blob: await fixture('flux') });
  const tensors: TensorToWrite[] = [];
  for (const { name, dtype, shape } of checkpoint.tensors.values()) {
    tensors.push({ name, dtype, shape, bytes: await checkpoint.readBytes(name) });
  }
  const parts = { tensors, metadata: Object.fromEntries(checkpoint.metadata) };
  change(parts);
  return new Blob([new Uint8Array(writeSafetensors(parts.tensors, parts.metadata))]);
}

/** Replaces a tensor. */
function put({ tensors }: Parts, name: string, change: (tensor: TensorToWrite) => Partial<TensorToWrite>): void {
  const at = tensors.findIndex((tensor) => tensor.name === name);
  const tensor = tensors[at];
  if (!tensor) throw new RangeError(name);
  tensors[at] = { ...tensor, ...change(tensor) };
}

function editModel(parts: Parts, change: (model: Record<string, unknown>) => void): void {
  const model: Record<string, unknown> = JSON.parse(parts.metadata.model ?? '');
  change(model);
  parts.metadata.model = JSON.stringify(model);
}

const open = async (blob: Blob): Promise<Trace> => await openTrace({ path: 'trace.safetensors', blob });

async function readAll(trace: Trace): Promise<void> {
  for await (const _ of traceStates(trace));
}

const firstRows = (rows: number) => (tensor: TensorToWrite) => {
  const [all = 0, ...rest] = tensor.shape;
  return { shape: [rows, ...rest], bytes: tensor.bytes.slice(0, (tensor.bytes.length / all) * rows) };
};

describe('a trace of the capture tool', () => {
  it.each(FIXTURES)('opens as the model that it is of: %s', async (name) => {
    const trace = await open(await fixture(name));
    expect(trace.model.name).toBe(`tiny-${name}`);
    expect(trace.config.width).toBe(16);
    // Eight prompts at three time steps.
    expect(trace.samples.facts).toMatchObject({ kind: 'trace', samples: 24, seed: 1 });
    expect(trace.samples.facts.timesteps).toHaveLength(3);
    expect([...trace.samples.groups]).toEqual([...Array(24).keys()].map((sample) => Math.floor(sample / 3)));
    expect(trace.samples.facts.label).toBe('trace.safetensors: 24 samples of 8 prompts at 3 time steps');
    expect(trace.samples.facts.file?.digits).toMatch(/^[0-9a-f]{16}$/);
  });

  it('gives the states in the order of depth, and any rows of one', async () => {
    const trace = await open(await fixture('flux'));
    const seen: number[] = [];
    for await (const { index, states } of traceStates(trace)) {
      seen.push(index);
      for (const { id } of trace.model.streams) {
        expect(states[id]).toHaveLength(trace.samples.rows[id]!.length * 16);
        const some = await readState(trace, id, index, 3, 5);
        expect([...some]).toEqual([...states[id]!.subarray(3 * 16, 5 * 16)]);
      }
    }
    expect(seen).toEqual([-1, 0, 1, 2, 3, 4, 5, 6]);
  });

  it('is read by ranges: opening takes the header and where the rows come from', async () => {
    const blob = await fixture('flux');
    let bytes = 0;
    const counted = (from: number, to: number): BlobLike => ({
      size: to - from,
      slice: (start = 0, end = to - from) => counted(from + start, Math.min(to, from + end)),
      arrayBuffer: async () => {
        bytes += to - from;
        return await blob.slice(from, to).arrayBuffer();
      },
    });
    // Large enough that the first read does not hold all of it.
    const trace = await openTrace({ path: 'trace.safetensors', blob: counted(0, blob.size) });
    const opening = bytes;
    await readState(trace, 'image', 3);
    expect(bytes - opening).toBe(trace.samples.rows.image!.length * 16 * 4);
  });

  it.each(['BF16', 'F16'] as const)('may hold states in %s', async (dtype) => {
    const whole = await open(await fixture('flux'));
    const narrow = await open(
      await changed((parts) => {
        for (const { name, dtype: stored } of parts.tensors) {
          if (stored !== 'F32') continue;
          put(parts, name, ({ bytes }) => ({
            dtype,
            bytes: fromFloat32(new Float32Array(bytes.slice().buffer), dtype),
          }));
        }
      }),
    );
    const [a, b] = [await readState(whole, 'text', 2), await readState(narrow, 'text', 2)];
    expect(Math.max(...a.map((value, i) => Math.abs(value - b[i]!) / Math.max(1, Math.abs(value))))).toBeLessThan(
      2 ** -8,
    );
  });
});

describe('the summary of a trace', () => {
  const named = async (fingerprint: string | null, timestep = 0) => {
    return await traceSummary(
      await open(
        await changed((parts) => {
          editModel(parts, (model) => {
            model.fingerprint = fingerprint;
          });
          if (timestep > 0) {
            for (const stream of ['image', 'text']) {
              put(parts, `${stream}.timestep`, ({ bytes }) => {
                const steps = new Float64Array(bytes.slice().buffer).fill(timestep);
                return { bytes: new Uint8Array(steps.buffer) };
              });
            }
          }
        }),
      ),
    );
  };

  it('has the fingerprint of the model where the trace says it, and one of its own elsewhere', async () => {
    const ofModel = `sha256:${'a'.repeat(64)}`;
    expect((await named(ofModel)).fingerprint).toBe(ofModel);
    const own = await named(null);
    expect(own.fingerprint).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect((await named(null)).fingerprint).toBe(own.fingerprint);
    expect((await named(null, 0.5)).fingerprint).not.toBe(own.fingerprint);
  });

  it('tells traces of one model apart', async () => {
    const ofModel = `sha256:${'a'.repeat(64)}`;
    const digits = [await named(ofModel), await named(ofModel, 0.5)].map(({ trace }) => trace?.digits);
    expect(new Set(digits).size).toBe(2);
  });

  it('is found in a folder beside its companions, and nowhere else', async () => {
    const file = (path: string, blob: Blob) => ({ path, blob });
    const trace = await fixture('flux');
    const other = new Blob([new Uint8Array(writeSafetensors([]))]);
    const beside = [file('a/calibration.safetensors', other), file('a/trace.safetensors', trace)];
    expect((await traceIn(beside))?.path).toBe('a/trace.safetensors');
    expect(await traceIn([file('model.safetensors', other)])).toBeNull();
    expect(await traceIn([...beside, file('a/model.safetensors', other)])).toBeNull();
  });
});

describe('a trace that is wrong', () => {
  const refusals: [string, (parts: Parts) => void, RegExp][] = [
    [
      'a missing state',
      ({ tensors }) =>
        tensors.splice(
          tensors.findIndex(({ name }) => name === 'text.after.4'),
          1,
        ),
      /trace\.safetensors › text\.after\.4: A state is missing; found states after 6 of 7 blocks; expected the state after block 4/,
    ],
    [
      'no state before the first block',
      ({ tensors }) =>
        tensors.splice(
          tensors.findIndex(({ name }) => name === 'image.input'),
          1,
        ),
      /image\.input: A state is missing.*the state that enters block 0/,
    ],
    [
      'unequal rows',
      (parts) => put(parts, 'image.after.2', firstRows(50)),
      /image\.after\.2: States have different numbers of rows; found \[50, 16\]; expected \[96, 16\], as image\.input/,
    ],
    [
      'another width',
      (parts) => put(parts, 'image.after.2', () => ({ shape: [192, 8] })),
      /image\.after\.2: Wrong shape; found \[192, 8\]; expected \[rows, 16\]/,
    ],
    [
      'groups of another length than rows',
      (parts) => put(parts, 'text.prompt_group', firstRows(10)),
      /text\.prompt_group: There are not as many values as rows; found \[10\]; expected \[96\]/,
    ],
    [
      'time steps of another length than rows',
      (parts) => put(parts, 'image.timestep', firstRows(10)),
      /image\.timestep: There are not as many values as rows/,
    ],
    [
      'a missing tensor of samples',
      ({ tensors }) =>
        tensors.splice(
          tensors.findIndex(({ name }) => name === 'image.sample'),
          1,
        ),
      /image\.sample: A tensor is missing/,
    ],
    [
      'two groups for one sample',
      (parts) =>
        put(parts, 'image.prompt_group', ({ bytes }) => {
          const groups = new Int32Array(bytes.slice().buffer);
          groups[1] = 5;
          return { bytes: new Uint8Array(groups.buffer) };
        }),
      /image\.prompt_group: Rows of one sample disagree about its prompt_group; found 5 at row 1, sample 0; expected 0/,
    ],
    [
      'two time steps for one sample in two streams',
      (parts) =>
        put(parts, 'text.timestep', ({ bytes }) => {
          const steps = new Float64Array(bytes.slice().buffer);
          steps[0] = 0.25;
          return { bytes: new Uint8Array(steps.buffer) };
        }),
      /text\.timestep: Rows of one sample disagree about its timestep; found 0\.25 at row 0, sample 0/,
    ],
    [
      'a time step that is not in 0 to 1',
      (parts) =>
        put(parts, 'image.timestep', ({ bytes }) => {
          const steps = new Float64Array(bytes.slice().buffer).fill(500);
          return { bytes: new Uint8Array(steps.buffer) };
        }),
      /image\.timestep: A value is out of range; found 500 at row 0; expected 0 to 1/,
    ],
    [
      'states in another dtype',
      (parts) => put(parts, 'image.after.1', ({ shape }) => ({ dtype: 'I32', shape })),
      /image\.after\.1: Wrong dtype; found I32; expected F32, BF16, F16/,
    ],
    [
      'groups that are no whole numbers',
      (parts) => put(parts, 'image.prompt_group', () => ({ dtype: 'F32' })),
      /image\.prompt_group: Wrong dtype; found F32; expected whole numbers/,
    ],
    [
      'too few rows',
      (parts) => {
        for (const { name } of parts.tensors) if (name.startsWith('text.')) put(parts, name, firstRows(4));
      },
      /text\.input: There are too few rows; found 4; expected at least 8/,
    ],
    [
      'no metadata',
      ({ metadata }) => delete metadata.contigua_trace,
      /trace\.safetensors: The file is no trace; found metadata without `contigua_trace`/,
    ],
    [
      'a newer version',
      ({ metadata }) => {
        metadata.contigua_trace = '2';
      },
      /written by a newer Contigua; found version 2; expected version 1/,
    ],
    [
      'a model that is not JSON',
      ({ metadata }) => {
        metadata.model = '{';
      },
      /trace\.safetensors › model: This is not JSON/,
    ],
    [
      'a model without its width',
      (parts) => editModel(parts, (model) => delete model.width),
      /trace\.safetensors › model: `width` is wrong; found nothing/,
    ],
    [
      'fewer blocks than its config says',
      (parts) =>
        editModel(parts, (model) => {
          model.config = { ...(model.config as object), num_layers: 2 };
        }),
      /The config and the trace disagree about the number of blocks; found 6; expected 7, as the trace says/,
    ],
    [
      'a class that is not known',
      (parts) =>
        editModel(parts, (model) => {
          model.config = { _class_name: 'OtherTransformer2DModel' };
        }),
      /Unknown model class.*OtherTransformer2DModel/,
    ],
  ];

  it.each(refusals)('is refused by name: %s', async (_, change, message) => {
    await expect(changed(change).then(open)).rejects.toThrow(message);
  });

  it('names the first value that is not finite when the state is read', async () => {
    const trace = await open(
      await changed((parts) =>
        put(parts, 'text.after.3', ({ bytes }) => {
          const values = new Float32Array(bytes.slice().buffer);
          values[2 * 16 + 5] = Number.NaN;
          return { bytes: new Uint8Array(values.buffer) };
        }),
      ),
    );
    await expect(readAll(trace)).rejects.toThrow(
      /text\.after\.3: A state holds a value that is not finite; found NaN at row 2, feature 5; expected finite numbers/,
    );
  });

  it('is told as a file that ended early when it is cut', async () => {
    const blob = await fixture('flux');
    await expect(open(blob.slice(0, blob.size - 100))).rejects.toThrow(/The file is cut short/);
  });
});
