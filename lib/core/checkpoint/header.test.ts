import { describe, expect, test } from 'vitest';
import { ContiguaError } from '../errors.ts';
import { readSafetensorsHeader } from './header.ts';
import { countingReads, entry, rawFile } from './testing.ts';

const A = entry('a', [2], 0, 8);
const metadata = (text: string) => `{"__metadata__":${text},${A}}`;

describe('accepted, as the reference reader accepts it', () => {
  const cases: [string, string, number][] = [
    ['an empty header with no data', '{}', 0],
    ['a scalar, shape []', `{${entry('a', [], 0, 4)}}`, 4],
    ['a tensor of no elements', `{${entry('a', [0, 5], 0, 0)}}`, 0],
    ['a tensor of no elements that shares its offset with a real one', `{${entry('e', [0], 0, 0)},${A}}`, 8],
    ['an unaligned begin', `{${entry('b', [3], 0, 3, 'U8')},${entry('a', [1], 3, 7)}}`, 7],
    ['entries in any order', `{${entry('b', [1], 8, 12)},${A}}`, 12],
    ['trailing spaces', `{${A}}   `, 8],
    ['a trailing newline', `{${A}}\n`, 8],
    ['leading spaces', `  {${A}}`, 8],
    [
      'an unknown field in an entry',
      `{"a":{"dtype":"F32","extra":{"x":[1.5e3,-1]},"shape":[2],"data_offsets":[0,8]}}`,
      8,
    ],
    ['null metadata', metadata('null'), 8],
    ['a key twice inside metadata', metadata('{"format":"np","format":"pt"}'), 8],
    ['a packed 4-bit type that fills whole bytes', `{${entry('a', [4], 0, 2, 'F4')}}`, 2],
  ];
  test.each(cases)('%s', async (_, header, dataBytes) => {
    await expect(readSafetensorsHeader(rawFile(header, dataBytes), 'm.safetensors')).resolves.toBeDefined();
  });
});

describe('rejected with file, what was found and what was expected', () => {
  const twice = entry('a', [2], 8, 16);
  const field = (text: string) => `{"a":{${text}}}`;
  const cases: [string, Blob, RegExp][] = [
    ['a file of 0 bytes', new Blob([]), /0 bytes.*at least 8/],
    ['a file shorter than the length field', new Blob([new Uint8Array(7)]), /7 bytes.*at least 8/],
    ['a header length of zero', rawFile('', 0), /not JSON/],
    [
      'a header length beyond the file',
      rawFile('{}', 0, 100n),
      /The file is cut short inside its header.*10 bytes.*108 bytes/,
    ],
    ['a header of over 100 MB', rawFile('{}', 0, 100_000_001n), /too large/],
    ['a hostile header length of 2⁶⁴ − 1', rawFile('{}', 0, 2n ** 64n - 1n), /too large.*18446744073709551615/],
    ['bytes that are not UTF-8', rawFile(new Uint8Array([0x7b, 0xff, 0x7d]), 0), /UTF-8/],
    ['text that is not JSON', rawFile('{"a":', 0), /not JSON/],
    ['a trailing NUL', rawFile('{}\0', 0), /not JSON/],
    ['a byte order mark', rawFile('\ufeff{}', 0), /not JSON/],
    ['an array at the top', rawFile('[]', 0), /not a JSON object/],
    ['truncated data', rawFile(`{${A}}`, 7), /The file is cut short.*69 bytes.*70 bytes/],
    ['trailing bytes', rawFile(`{${A}}`, 9), /after its last tensor/],
    ['data without any tensor', rawFile('{}', 4), /after its last tensor/],
    ['an entry that is no object', rawFile('{"a":3}', 0), /› a: .*not an object.*found 3/],
    ['a missing dtype', rawFile(field('"shape":[2],"data_offsets":[0,8]'), 8), /› a: Unknown dtype; found nothing/],
    ['a missing shape', rawFile(field('"dtype":"F32","data_offsets":[0,8]'), 8), /Unusable shape; found nothing/],
    ['missing data_offsets', rawFile(field('"dtype":"F32","shape":[2]'), 8), /Unusable data_offsets; found nothing/],
    [
      'a field twice in an entry',
      rawFile(field('"dtype":"F32","shape":[2],"shape":[2],"data_offsets":[0,8]'), 8),
      /`shape` twice/,
    ],
    [
      'an escaped field twice',
      rawFile(field('"dtype":"F32","shape":[2],"\\u0073hape":[2],"data_offsets":[0,8]'), 8),
      /`shape` twice/,
    ],
    ['an unknown dtype', rawFile(`{${entry('a', [2], 0, 8, 'F31')}}`, 8), /Unknown dtype; found "F31"/],
    ['a dtype in lower case', rawFile(`{${entry('a', [2], 0, 8, 'f32')}}`, 8), /Unknown dtype/],
    ['a dtype named like an inherited property', rawFile(`{${entry('a', [2], 0, 8, 'toString')}}`, 8), /Unknown dtype/],
    ['a negative dimension', rawFile(`{${entry('a', [-2], 0, 8)}}`, 8), /whole numbers.*found -2/],
    ['a fractional dimension', rawFile(`{${entry('a', [2.5], 0, 8)}}`, 8), /found 2\.5/],
    ['a float that is whole', rawFile(field('"dtype":"F32","shape":[2.0],"data_offsets":[0,8]'), 8), /found 2\.0/],
    [
      'a whole number in exponent notation',
      rawFile(field('"dtype":"F32","shape":[2e0],"data_offsets":[0,8]'), 8),
      /found 2e0/,
    ],
    ['a negative offset', rawFile(`{${entry('a', [2], -8, 0)}}`, 8), /found -8/],
    [
      'a dimension that is a string',
      rawFile(field('"dtype":"F32","shape":["2"],"data_offsets":[0,8]'), 8),
      /Unusable shape/,
    ],
    ['three offsets', rawFile(field('"dtype":"F32","shape":[2],"data_offsets":[0,8,8]'), 8), /two whole numbers/],
    ['one offset', rawFile(field('"dtype":"F32","shape":[2],"data_offsets":[8]'), 8), /two whole numbers/],
    ['an end before its begin', rawFile(`{${entry('a', [2], 8, 0)}}`, 8), /overlap or leave a hole/],
    ['a hole at the start', rawFile(`{${entry('a', [2], 4, 12)}}`, 12), /hole.*\[4, 12\]/],
    ['a hole in the middle', rawFile(`{${A},${entry('b', [1], 12, 16)}}`, 16), /› b: .*hole/],
    ['overlapping ranges', rawFile(`{${A},${entry('b', [2], 4, 12)}}`, 12), /› b: .*overlap/],
    ['two tensors that share one range', rawFile(`{${A},${entry('b', [2], 0, 8)}}`, 8), /› b: .*overlap/],
    [
      'a range that does not fit dtype and shape',
      rawFile(`{${entry('a', [3], 0, 8)}}`, 8),
      /8 bytes.*12 bytes for F32 \[3\]/,
    ],
    [
      'a shape whose product overflows',
      rawFile(`{${entry('a', [2 ** 40, 2 ** 40], 0, 8)}}`, 8),
      /too large to be true/,
    ],
    [
      'a dimension beyond 2⁵³',
      rawFile(field('"dtype":"F32","shape":[9007199254740993],"data_offsets":[0,8]'), 8),
      /Unusable shape/,
    ],
    ['4-bit elements that end inside a byte', rawFile(`{${entry('a', [3], 0, 2, 'F4')}}`, 2), /whole bytes/],
    ['metadata that is a number', rawFile(metadata('{"format":1}'), 8), /__metadata__.*not a string/],
    ['metadata that is nested', rawFile(metadata('{"format":{}}'), 8), /__metadata__.*not a string/],
    ['metadata that is a list', rawFile(metadata('[]'), 8), /__metadata__/],
    ['metadata twice', rawFile(`{"__metadata__":{},"__metadata__":{},${A}}`, 8), /__metadata__: .*twice/],
    ['a tensor name twice with the same range', rawFile(`{${A},${A}}`, 8), /› a: .*twice/],
    ['a tensor name twice with two ranges', rawFile(`{${A},${twice}}`, 16), /› a: .*twice/],
    ['a tensor name twice, once escaped', rawFile(`{${A},${A.replace('"a"', '"\\u0061"')}}`, 8), /› a: .*twice/],
  ];
  test.each(cases)('%s', async (_, file, message) => {
    const refusal = await readSafetensorsHeader(file, 'm.safetensors').catch((thrown: unknown) => thrown);
    expect(refusal).toBeInstanceOf(ContiguaError);
    expect(refusal).toMatchObject({ code: 'safetensors-invalid', details: { file: 'm.safetensors' } });
    expect(String(refusal)).toMatch(message);
  });
});

test('a tensor named __proto__ is a tensor like any other', async () => {
  const { tensors } = await readSafetensorsHeader(rawFile(`{"__proto__":${A.slice(4)}}`, 8), 'm.safetensors');
  expect([...tensors.keys()]).toEqual(['__proto__']);
  expect(Object.prototype).not.toHaveProperty('dtype');
});

test('ranges are absolute, shapes and metadata are kept', async () => {
  const header = `{"__metadata__":{"format":"pt"},${A},${entry('b', [1, 3], 8, 14, 'BF16')}}`;
  const file = rawFile(header, 14);
  const read = await readSafetensorsHeader(file, 'm.safetensors');
  expect(read.metadata.get('format')).toBe('pt');
  expect(read.tensors.get('b')).toEqual({
    name: 'b',
    dtype: 'BF16',
    shape: [1, 3],
    file: 'm.safetensors',
    start: 8 + header.length + 8,
    end: file.size,
  });
});

test('only the header is read, in one read when it is short and two when it is long', async () => {
  const short = countingReads(rawFile(`{${entry('a', [1_000_000], 0, 4_000_000)}}`, 4_000_000));
  await readSafetensorsHeader(short.blob, 'm');
  expect(short.reads).toEqual([[0, 131072]]);
  const long = countingReads(rawFile(`{${A}}${' '.repeat(200_000)}`, 8));
  await readSafetensorsHeader(long.blob, 'm');
  expect(long.reads).toHaveLength(2);
});

describe('what JSON allows and the reference reader does not', () => {
  const extra = (text: string) => rawFile(`{"a":{"x":${text},"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8);
  const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;

  test('127 levels are read, as deep as it reads', async () => {
    await expect(readSafetensorsHeader(extra(nested(125)), 'm')).resolves.toBeDefined();
  });

  test.each<[string, Blob, RegExp]>([
    ['128 levels', extra(nested(126)), /nested too deeply; found more than 127 levels; expected at most 127/],
    ['20,000 levels', extra(nested(20_000)), /nested too deeply/],
    ['a number that is infinite', extra('[1, 1e999]'), /› a: A number is out of range; found 1e999/],
    ['half a surrogate pair in a name', rawFile(`{"\\ud800":${A.slice(4)}}`, 8), /not Unicode.*half of a surrogate/],
    ['half a surrogate pair in the metadata', rawFile(metadata('{"k":"\\uDC00"}'), 8), /not Unicode/],
    ['half a surrogate pair in a field that nobody reads', extra('"\\ud83d"'), /not Unicode/],
  ])('%s', async (_, file, message) => {
    const refusal = await readSafetensorsHeader(file, 'm.safetensors').catch((thrown: unknown) => thrown);
    expect(refusal).toMatchObject({ code: 'safetensors-invalid', details: { file: 'm.safetensors' } });
    expect(String(refusal)).toMatch(message);
  });

  test('a whole pair, escaped, is a name like any other', async () => {
    const { tensors } = await readSafetensorsHeader(rawFile(`{"\\ud83d\\ude00":${A.slice(4)}}`, 8), 'm');
    expect([...tensors.keys()]).toEqual(['😀']);
  });
});

test('refuses more tensors than any model has, before it looks at one', async () => {
  const empty = (count: number) => Array.from({ length: count }, (_, i) => entry(`t${i}`, [0], 0, 0, 'U8')).join();
  const refused = readSafetensorsHeader(rawFile(`{${empty(65_537)}}`, 0), 'm');
  await expect(refused).rejects.toThrow(/Too many tensors for a model; found 65537; expected at most 65536/);
  const million = readSafetensorsHeader(rawFile(`{${empty(1_000_000)}}`, 0), 'm');
  await expect(million).rejects.toThrow(/too many keys; found more than 300,000/);
});

test('a string of any length costs no stack', async () => {
  const text = JSON.stringify('\\"'.repeat(5_000_000));
  const file = rawFile(`{"__metadata__":{"note":${text}},${A}}`, 8);
  const { tensors } = await readSafetensorsHeader(file, 'm');
  expect([...tensors.keys()]).toEqual(['a']);
});
