/**
 * Seeded damage to files: bytes anywhere; JSON by its structure (hostile values, keys, depth, sizes), so that most of it
 * still parses and reaches the checks behind the parser; and safetensors by header, length field and data.
 */
import type { SeededRandom } from '../../lib/core/random.ts';
import type { Bytes } from './seeds.ts';

export function pick<T>(random: SeededRandom, from: readonly T[]): T {
  const chosen = from[random.integer(from.length)];
  if (chosen === undefined) throw new RangeError('Nothing to pick from');
  return chosen;
}

export function mutateBytes(random: SeededRandom, bytes: Bytes): Bytes {
  let result = bytes;
  for (let times = 1 + random.integer(4); times > 0; times--) result = pick(random, BYTE_CHANGES)(random, result);
  return result;
}

type ByteChange = (random: SeededRandom, bytes: Bytes) => Bytes;
const BYTE_CHANGES: readonly ByteChange[] = [
  (random, bytes) => changed(random, bytes, (byte) => byte ^ (1 << random.integer(8))),
  (random, bytes) => changed(random, bytes, () => pick(random, [0, 0xff, 0x7f, 0x80, 0x22, 0x5c, 0x7b, 0x5d, 0x2c])),
  (random, bytes) => bytes.slice(0, random.integer(bytes.length + 1)),
  (random, bytes) => joined(bytes, new Uint8Array(1 + random.integer(4096))),
  (random, bytes) => {
    const [from, to] = range(random, bytes.length);
    return joined(bytes.slice(0, from), bytes.slice(to));
  },
  (random, bytes) => {
    const [from, to] = range(random, bytes.length);
    return joined(bytes.slice(0, to), bytes.slice(from));
  },
  (random, bytes) => {
    const [from, to] = range(random, bytes.length);
    const noise = Uint8Array.from({ length: to - from }, () => random.integer(256));
    return joined(bytes.slice(0, from), noise, bytes.slice(to));
  },
];

function changed(random: SeededRandom, bytes: Bytes, change: (byte: number) => number): Bytes {
  const copy = bytes.slice();
  if (copy.length > 0) {
    const at = random.integer(copy.length);
    copy[at] = change(copy[at] ?? 0);
  }
  return copy;
}

/** Mostly short. */
function range(random: SeededRandom, length: number): [number, number] {
  const from = random.integer(length + 1);
  return [from, Math.min(length, from + 1 + random.integer(random.integer(8) === 0 ? length + 1 : 16))];
}

export function joined(...parts: readonly Bytes[]): Bytes {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** JSON as written, so that it may say what no value can: a key twice, a number as typed, any depth. */
class Written {
  constructor(readonly text: string) {}
}

const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
const NAMES = [
  '__proto__',
  'constructor',
  'toString',
  '',
  '__metadata__',
  'version',
  '../../../etc/passwd',
  '\u0000',
  '\u001b]0;owned\u0007\u001b[2J',
  'a\r\nb',
  '\u202eevil',
  '\ufeff',
  'x'.repeat(70_000),
];
const HOSTILE: readonly ((random: SeededRandom) => Written)[] = [
  ...['null', 'true', 'false', '-1', '0', '-0', '1.5', '1e2', '1.0', '1e308', '1e999', '9007199254740993', '[]', '{}'],
  ...['18446744073709551615', '4503599627370496', '"1"', '"\\ud800"', '[null]', '[[0]]', '{"a":1,"a":2}', 'NaN', '01'],
  deep(126),
  deep(20_000),
  '{"a":'.repeat(20_000) + '1'.padEnd(20_001, '}'),
  '['.repeat(50_000),
  `[${'0,'.repeat(200_000)}0]`,
  `[${'{},'.repeat(100_000)}{}]`,
  `[${'"x",'.repeat(300_000)}"x"]`,
  `"${'y'.repeat(300_000)}"`,
  ...NAMES.map((name) => JSON.stringify(name)),
].map((text) => () => new Written(text));
const numeric: (random: SeededRandom) => Written = (random) =>
  new Written(String(Math.floor(random.normal() * 2 ** random.integer(62))));

export function mutateJson(random: SeededRandom, text: string): string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return text;
  }
  for (let times = 1 + random.integer(3); times > 0 && !(value instanceof Written); times--) {
    value = changedInside(random, value);
  }
  const written = textOf(value);
  return random.integer(12) === 0 ? new TextDecoder().decode(mutateBytes(random, encoded(written))) : written;
}

/** One place of the value changed: anywhere, each level as likely to be the last as not. */
function changedInside(random: SeededRandom, value: unknown): unknown {
  if (value instanceof Written || typeof value !== 'object' || value === null || random.integer(4) === 0) {
    return random.integer(3) === 0 ? numeric(random) : pick(random, HOSTILE)(random);
  }
  const entries: [string, unknown][] = Object.entries(value);
  const at = random.integer(entries.length + 1);
  const [key, inner] = entries[at] ?? [pick(random, NAMES), pick(random, HOSTILE)(random)];
  const isList = Array.isArray(value);
  switch (random.integer(8)) {
    case 0:
      entries.splice(at, 1);
      break;
    case 1:
      entries.push([key, changedInside(random, inner)]);
      break;
    case 2:
      entries[at] = [pick(random, NAMES), inner];
      break;
    default:
      entries[at] = [key, changedInside(random, inner)];
  }
  const texts = entries.map(([name, each]) => (isList ? textOf(each) : `${JSON.stringify(name)}:${textOf(each)}`));
  const [open, close] = isList ? ['[', ']'] : ['{', '}'];
  try {
    // A value again, where there is one, so that a later change goes inside.
    const plain: unknown = entries.some(([, each]) => holdsWritten(each))
      ? undefined
      : JSON.parse(open + texts.join() + close);
    if (plain !== undefined && new Set(entries.map(([name]) => name)).size === entries.length) return plain;
  } catch {
    // Not a value: stays as written.
  }
  return new Written(open + texts.join() + close);
}

function holdsWritten(value: unknown): boolean {
  if (value instanceof Written) return true;
  return typeof value === 'object' && value !== null && Object.values(value).some(holdsWritten);
}

function textOf(value: unknown): string {
  if (value instanceof Written) return value.text;
  if (Array.isArray(value)) return `[${value.map(textOf).join()}]`;
  if (typeof value === 'object' && value !== null) {
    return `{${Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}:${textOf(each)}`)}}`;
  }
  return JSON.stringify(value);
}

export function mutateJsonFile(random: SeededRandom, bytes: Bytes): Bytes {
  if (random.integer(4) === 0) return mutateBytes(random, bytes);
  return encoded(mutateJson(random, new TextDecoder().decode(bytes)));
}

export function mutateSafetensors(random: SeededRandom, bytes: Bytes): Bytes {
  if (random.integer(4) === 0) return mutateBytes(random, bytes);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header = new TextDecoder().decode(bytes.subarray(8, 8 + length));
  const data = bytes.slice(8 + length);
  const written = encoded(pick(random, HEADER_CHANGES)(random, header));
  const kept = random.integer(4) === 0 ? mutateBytes(random, data) : data;
  const lengthField = new Uint8Array(8);
  new DataView(lengthField.buffer).setBigUint64(0, lengthOf(random, written.length), true);
  return joined(lengthField, written, kept);
}

function lengthOf(random: SeededRandom, honest: number): bigint {
  if (random.integer(6) > 0) return BigInt(honest);
  const lies = [
    0n,
    1n,
    7n,
    BigInt(honest - 1),
    BigInt(honest + 1),
    100_000_000n,
    100_000_001n,
    2n ** 53n,
    2n ** 64n - 1n,
  ];
  return pick(
    random,
    lies.map((lie) => (lie < 0n ? 0n : lie)),
  );
}

type HeaderChange = (random: SeededRandom, header: string) => string;
const DTYPES = ['F64', 'F32', 'F16', 'BF16', 'F8_E4M3', 'F8_E8M0', 'I64', 'U8', 'BOOL', 'F4', 'C64', 'f32', ''];
const HEADER_CHANGES: readonly HeaderChange[] = [
  mutateJson,
  mutateJson,
  (random, header) =>
    header.replaceAll(/"F32"/g, (dtype) => (random.integer(8) === 0 ? `"${pick(random, DTYPES)}"` : dtype)),
  // Well-formed still, and not what is expected.
  (random, header) =>
    header.replaceAll('"F32"', (dtype) => (random.integer(4) === 0 ? pick(random, ['"I32"', '"U32"']) : dtype)),
  (random, header) =>
    header.replaceAll(/"shape":\[([\d,]+)\]/g, (shape, sides) =>
      random.integer(4) === 0
        ? `"shape":[${pick(random, [`1,${sides}`, sides.split(',').reverse().join(), `${sides},1`])}]`
        : shape,
    ),
  // One number of a shape or an offset.
  (random, header) => {
    const numbers = [...header.matchAll(/\d+(?=[,\]])/g)];
    if (numbers.length === 0) return header;
    const { 0: found, index } = pick(random, numbers);
    const nearby = Number(found) + random.integer(9) - 4;
    const number = pick(random, [String(nearby), '0', '4294967296', '9007199254740991', `${found}.0`, `${found}e0`]);
    return header.slice(0, index) + number + header.slice(index + found.length);
  },
  // Names.
  (random, header) =>
    header.replace(
      /"(?!dtype|shape|data_offsets|F32|__metadata__)[^"]*":\{/,
      () => `${JSON.stringify(pick(random, NAMES))}:{`,
    ),
  // Many empty tensors.
  (random, header) => {
    const count = pick(random, [1000, 40_000, 70_000, 300_000]);
    const empty = Array.from({ length: count }, (_, i) => `"t${i}":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`);
    return `{${empty.join()},${header.trimStart().slice(1)}`;
  },
  (random, header) => header + pick(random, [' ', '\n', '\0', '}', ' '.repeat(70_000)]),
  // Metadata, which readers compare and parse.
  (random, header) =>
    header.replace(/"((?:contigua\.\w+|img_shapes|format))":"[^"]*"/, (_, key) => {
      const value = pick(random, [
        '',
        '[]',
        '[[1]]',
        '[[1,2,3],[1,3,2]]',
        '[[1e999,1,1]]',
        deep(20_000),
        deep(126),
        ...NAMES,
      ]);
      return `"${key}":${JSON.stringify(value)}`;
    }),
];

function encoded(text: string): Bytes {
  return new TextEncoder().encode(text);
}
