import { describe, expect, it } from 'vitest';
import { storedBytes } from '../../../testing/stored/index.ts';
import { openFile, openWeightsFile } from '../open.ts';
import { countingReads, named, sparseBlob } from '../testing.ts';
import { ggufFile } from './testing.ts';

const file = new Blob([storedBytes('types.gguf')]);
const open = async (content: Blob | Uint8Array<ArrayBuffer>) => await openWeightsFile(named('model.gguf', content));
const refusal = (content: Uint8Array<ArrayBuffer>) => open(content).then(() => 'accepted', String);

const stored = await open(file);
const reference = await openFile(named('types.safetensors', storedBytes('types.safetensors')));

describe('element types of GGUF', () => {
  it.each([...reference.tensors.keys()])('%s: values are those of gguf-py bit for bit', async (name) => {
    const [values, expected] = [await stored.readFloat32(name), await reference.readFloat32(name)];
    expect(stored.tensors.get(name)).toMatchObject({ dtype: name, shape: reference.tensors.get(name)?.shape });
    expect(new Uint32Array(values.buffer)).toEqual(new Uint32Array(expected.buffer));
  });

  it('are all that are read', () => {
    expect([...stored.tensors.keys()].sort()).toEqual(['BF16', 'F16', 'F32', 'Q4_0', 'Q4_K', 'Q5_K', 'Q6_K', 'Q8_0']);
  });

  it('are read by elements, from the blocks that these lie in alone', async () => {
    const { blob, reads } = countingReads(file);
    const counted = await openWeightsFile({ path: 'model.gguf', blob });
    const { start = 0 } = counted.tensors.get('Q6_K') ?? {};
    reads.length = 0;
    const all = await reference.readFloat32('Q6_K');
    expect(await counted.readFloat32('Q6_K', 300, 520)).toEqual(all.slice(300, 520));
    expect(reads).toEqual([[start + 210, start + 3 * 210]]);
  });

  it('say what the file says of itself', () => {
    expect(stored.metadata.get('general.architecture')).toBe('flux');
    expect(stored.metadata.get('general.quantization_version')).toBe('2');
  });
});

describe('a GGUF file', () => {
  const f32 = { name: 'a', dimensions: [2n], type: 0, bytes: new Uint8Array(8) };

  it('of version 2 or 3 opens by its first bytes, whatever its name; dimensions come in the order of PyTorch', async () => {
    for (const version of [2, 3]) {
      const content = ggufFile({ version, tensors: [{ ...f32, dimensions: [2n, 3n, 4n], bytes: new Uint8Array(96) }] });
      const { tensors } = await openWeightsFile(named('model.safetensors', content));
      expect(tensors.get('a')).toMatchObject({ dtype: 'F32', shape: [4, 3, 2] });
    }
  });

  it('has its header read alone, in pieces where it is long', async () => {
    const keys = Array.from({ length: 3 }, (_, i) => ({ key: `words${i}`, words: Array(20_000).fill('some word') }));
    const content = ggufFile({ keys, tensors: [{ ...f32, dimensions: [2n ** 22n], bytes: new Uint8Array(2 ** 24) }] });
    const { blob, reads } = countingReads(new Blob([content]));
    expect((await openWeightsFile({ path: 'model.gguf', blob })).tensors.size).toBe(1);
    expect(Math.max(...reads.map(([, end]) => end))).toBeLessThan(2 ** 22);
  });

  it('with tensors that begin at an alignment of its own opens', async () => {
    const tensors = ['a', 'b'].map((name) => ({
      ...f32,
      name,
      bytes: new Uint8Array(new Float32Array([7, 8]).buffer),
    }));
    const checkpoint = await open(ggufFile({ alignment: 128, tensors }));
    expect([...(await checkpoint.readFloat32('b'))]).toEqual([7, 8]);
    expect(checkpoint.tensors.get('b')?.start).toBe((checkpoint.tensors.get('a')?.start ?? 0) + 128);
  });

  it.each<[string, Parameters<typeof ggufFile>[0], RegExp]>([
    ['of another version', { version: 1 }, /version of GGUF is not supported; found version 1/],
    ['for big-endian machines', { version: 0x03000000 }, /big-endian.*gguf_convert_endian/],
    [
      'with 2⁶³ tensors',
      { numTensors: 2n ** 63n },
      /Too many tensors; found 9223372036854776000; expected at most 65536/,
    ],
    ['with 2⁶³ keys', { numKeys: 2n ** 63n }, /Too many keys/],
    ['with more tensors than fit', { numTensors: 60_000n }, /Too many tensors; found 60000/],
    ['with a name of 2⁶⁰ bytes', { nameLength: 2n ** 60n, tensors: [f32] }, /Too long: a tensor’s name/],
    ['with a dimension of −1', { tensors: [{ ...f32, dimensions: [-1n] }] }, /› a: A dimension is too large/],
    [
      'with too many elements',
      { tensors: [{ ...f32, dimensions: [2n ** 40n, 2n ** 40n] }] },
      /› a: Shape is too large/,
    ],
    [
      'of too high a rank',
      { tensors: [{ ...f32, dimensions: [1n, 1n, 1n, 1n, 2n] }] },
      /› a: Too many dimensions; found 5/,
    ],
    [
      'with rows that cut blocks',
      { tensors: [{ ...f32, type: 12, dimensions: [128n, 2n] }] },
      /› a: A row does not fill.*multiple of 256/,
    ],
    ['of a type without a name', { tensors: [{ ...f32, type: 99 }] }, /› a: .*type that is not known; found type 99/],
    ['of a removed type', { tensors: [{ ...f32, type: 31 }] }, /Q4_0_4_4 \(type 31\), which ggml has removed/],
    ['whose tensors overlap', { tensors: [f32, { ...f32, name: 'b', offset: 0n }] }, /› b: Tensors overlap.*offset 32/],
    ['whose tensors leave a hole', { tensors: [f32, { ...f32, name: 'b', offset: 96n }] }, /› b: Tensors overlap/],
    ['with a name twice', { tensors: [f32, f32] }, /› a: Name occurs twice/],
    [
      'with a key twice',
      {
        keys: [
          { key: 'k', words: [] },
          { key: 'k', words: [] },
        ],
      },
      /Key occurs twice/,
    ],
    ['with an unusable alignment', { alignment: 24, tensors: [f32] }, /Unusable `general.alignment`; found 24/],
    [
      'with an array that is longer than the file',
      { keys: [{ key: 'k', words: ['a'], length: 2n ** 62n }] },
      /array is longer than the file/,
    ],
    [
      'with a string that is longer than the file',
      { keys: [{ key: 'k', words: ['a'], wordLength: 2n ** 62n }] },
      /cut short inside its header/,
    ],
    ['with arrays of arrays without end', { keys: [{ key: 'k', words: [], nested: 9 }] }, /Arrays nest too deep/],
    ['with a value of no type', { keys: [{ key: 'k', words: [], type: 77 }] }, /Unknown type of value; found type 77/],
  ])('%s is refused', async (_, content, message) => {
    expect(await refusal(ggufFile(content))).toMatch(message);
  });

  it('cut anywhere is refused, and says how many bytes it should have', async () => {
    const whole = storedBytes('types.gguf');
    const end = Math.max(...[...(await open(file)).tensors.values()].map((info) => info.end));
    for (let length = 0; length < end; length += 97) {
      expect(await refusal(whole.slice(0, length))).toMatch(/cut short|no GGUF file|Too short|Too many/);
    }
    expect(await refusal(whole.slice(0, end - 1))).toMatch(
      new RegExp(`cut short; found ${end - 1} bytes; expected at least ${end}`),
    );
  });

  it('of hostile counts and any size is refused without being read', async () => {
    const head = ggufFile({ keys: [{ key: 'k', words: [], length: 2n ** 40n }] });
    const { blob, reads } = countingReads(sparseBlob(2 ** 45, head));
    await expect(openWeightsFile({ path: 'model.gguf', blob })).rejects.toMatchObject({ code: 'gguf-invalid' });
    expect(reads.reduce((sum, [start, to]) => sum + to - start, 0)).toBeLessThan(4e8);
  });
});
