import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { openFile, type TensorToWrite, writeSafetensors } from '../checkpoint/index.ts';
import { assertBoundariesFit, openBoundaries, readBoundary } from './index.ts';

const FOLDER = new URL('../../testing/traces/', import.meta.url);
const FILE = 'boundaries.safetensors';
const fixture = async (family: string) => new Blob([await readFile(new URL(`${family}/${FILE}`, FOLDER))]);
const open = async (blob: Blob) => await openBoundaries({ path: FILE, blob });

interface Parts {
  tensors: TensorToWrite[];
  metadata: Record<string, string>;
}

/** Those of a tiny FLUX.1, changed in one place. */
async function changed(change: (parts: Parts) => void): Promise<Blob> {
  const checkpoint = await openFile({ path: FILE, blob: await fixture('flux') });
  const tensors: TensorToWrite[] = [];
  for (const { name, dtype, shape } of checkpoint.tensors.values()) {
    tensors.push({ name, dtype, shape, bytes: await checkpoint.readBytes(name) });
  }
  const parts = { tensors, metadata: Object.fromEntries(checkpoint.metadata) };
  change(parts);
  return new Blob([new Uint8Array(writeSafetensors(parts.tensors, parts.metadata))]);
}

const tensorOf = ({ tensors }: Parts, name: string) => tensors.find((tensor) => tensor.name === name)!;
const put = (parts: Parts, name: string, change: Partial<TensorToWrite>) => {
  parts.tensors = parts.tensors.map((tensor) => (tensor.name === name ? { ...tensor, ...change } : tensor));
};

describe('states around intervals', () => {
  it.each([
    ['qwen-image', 7],
    ['flux', 7],
  ])('of the capture tool open with what they are of: %s', async (family, text) => {
    const boundaries = await open(await fixture(family));
    expect(boundaries).toMatchObject({ intervals: [{ first: 1, last: 2 }], samples: 24, dtype: 'F32' });
    expect(boundaries.model.name).toBe(`tiny-${family}`);
    expect(boundaries.tokens).toMatchObject({ text });
    expect(boundaries.calibration?.digits).toMatch(/^[0-9a-f]{16}$/);
    const both = await readBoundary(boundaries, 'text', 2, [5, 3]);
    const size = text * boundaries.model.width;
    expect([...both.subarray(size)]).toEqual([...(await readBoundary(boundaries, 'text', 2, [3]))]);
    expect([...both.subarray(0, size)]).toEqual([...(await readBoundary(boundaries, 'text', 2, [5]))]);
  });

  it.each<[string, (parts: Parts) => void, Record<string, unknown>]>([
    [
      'are no such file',
      ({ metadata }) => delete metadata.contigua_boundaries,
      { summary: 'The file holds no states around intervals' },
    ],
    [
      'were written by an earlier tool, which named no model',
      ({ metadata }) => {
        metadata.contigua_boundaries = '1';
      },
      { summary: 'The file does not say which model and samples its states are of', details: { found: 'version 1' } },
    ],
    [
      'were written by a newer tool',
      ({ metadata }) => {
        metadata.contigua_boundaries = '3';
      },
      { details: { hint: 'Update Contigua and open the file again.' } },
    ],
    [
      'name an interval outside the model',
      ({ metadata }) => {
        metadata.intervals = '[[1,9]]';
      },
      { summary: 'An interval lies outside the model', details: { expected: 'intervals of blocks 0 to 6' } },
    ],
    [
      'miss a state',
      (parts) => {
        parts.tensors = parts.tensors.filter(({ name }) => name !== 'text.after.2');
      },
      { summary: 'A state is missing', details: { tensor: 'text.after.2' } },
    ],
    [
      'are of fewer samples in one state',
      (parts) => {
        const { shape, bytes } = tensorOf(parts, 'image.after.2');
        put(parts, 'image.after.2', {
          shape: [23, ...shape.slice(1)],
          bytes: bytes.slice(0, (bytes.length / 24) * 23),
        });
      },
      { summary: 'Wrong shape', details: { tensor: 'image.after.2', found: '[23, 16, 16]', expected: '[24, 16, 16]' } },
    ],
    [
      'are of another width',
      (parts) => put(parts, 'image.after.0', { shape: [24, 32, 8] }),
      { summary: 'Wrong shape', details: { tensor: 'image.after.0', found: '[24, 32, 8]' } },
    ],
    [
      'are whole numbers',
      (parts) => put(parts, 'image.after.0', { dtype: 'I32' }),
      { summary: 'Wrong dtype', details: { found: 'I32' } },
    ],
  ])('are refused where they %s', async (_, change, expected) => {
    const refused = await open(await changed(change)).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(refused).toMatchObject({ code: 'trace-invalid', ...expected });
  });

  it('are refused when a value that is not finite is read', async () => {
    const blob = await changed((parts) => {
      const bytes = tensorOf(parts, 'text.after.2').bytes.slice();
      new DataView(bytes.buffer, bytes.byteOffset).setFloat32(4 * (3 * 7 * 16 + 2 * 16 + 5), Number.NaN, true);
      put(parts, 'text.after.2', { bytes });
    });
    const boundaries = await open(blob);
    await expect(readBoundary(boundaries, 'text', 2, [2])).resolves.toHaveLength(7 * 16);
    await expect(readBoundary(boundaries, 'text', 2, [2, 3])).rejects.toMatchObject({
      code: 'trace-invalid',
      details: { tensor: 'text.after.2', found: 'NaN in sample 3, token 2, feature 5' },
    });
  });
});

describe('states for a run', () => {
  const fitting = async () => {
    const boundaries = await open(await fixture('flux'));
    const data = { name: 'calibration.safetensors', digits: boundaries.calibration!.digits };
    return {
      boundaries,
      wanted: { fingerprint: boundaries.model.fingerprint!, intervals: [{ first: 1, last: 2 }], data },
    };
  };

  it('of its model, samples and intervals are taken', async () => {
    const { boundaries, wanted } = await fitting();
    expect(() => assertBoundariesFit(boundaries, wanted)).not.toThrow();
  });

  it('of another model, of other samples or around other intervals are refused by what differs', async () => {
    const { boundaries, wanted } = await fitting();
    const refusal = (of: Partial<typeof boundaries>, more: Partial<typeof wanted> = {}) => {
      try {
        assertBoundariesFit({ ...boundaries, ...of }, { ...wanted, ...more });
      } catch (thrown) {
        return thrown;
      }
      return null;
    };
    expect(refusal({}, { fingerprint: 'sha256:other' })).toMatchObject({ summary: 'The states are of another model' });
    expect(refusal({ model: { ...boundaries.model, fingerprint: null } })).toMatchObject({
      summary: 'The states name no model',
    });
    expect(refusal({ calibration: null })).toMatchObject({
      summary: 'The states do not say which samples they are of',
    });
    expect(refusal({}, { data: { name: 'other.safetensors', digits: '0000000000000000' } })).toMatchObject({
      summary: 'The states are of other samples than the training data',
    });
    const intervals = [
      { first: 1, last: 2 },
      { first: 4, last: 5 },
    ];
    expect(refusal({}, { intervals })).toMatchObject({ details: { found: '1-2', expected: '4-5 too' } });
  });
});
