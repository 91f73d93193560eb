/**
 * Seeded changes to a safetensors file that stays well-formed: tensors left out, renamed, of another type or shape, with
 * other contents, and other metadata, so that what comes behind the header's checks is reached.
 */
import type { SeededRandom } from '../../lib/core/random.ts';
import { joined, mutateJson, pick } from './mutate.ts';
import type { Bytes } from './seeds.ts';

interface Entry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: Bytes;
}

interface StoredEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}
/** Of a seed, which is well-formed. */
interface Header {
  readonly tensors: Readonly<Record<string, StoredEntry>>;
  readonly metadata: Readonly<Record<string, string>> | undefined;
}

const SAME_WIDTH: Readonly<Record<string, readonly string[]>> = {
  F8_E4M3: ['F8_E5M2', 'U8', 'I8', 'F8_E8M0', 'BOOL'],
  F8_E5M2: ['F8_E4M3', 'U8'],
  U8: ['I8', 'F8_E4M3'],
  F32: ['I32', 'U32'],
  BF16: ['F16', 'I16'],
};
const RENAMINGS: readonly (readonly [RegExp, string])[] = [
  [/scale_weight$/, 'weight_scale'],
  [/weight_scale$/, 'weight_scale_2'],
  [/comfy_quant$/, 'other'],
  [/\.weight$/, '.bias'],
  [/(blocks?)\.0\./, '$1.7.'],
  [/(blocks?)\.0\./, '$1.00.'],
  [/^model\.diffusion_model\./, ''],
  [/^/, 'model.diffusion_model.'],
  [/double_blocks/, 'transformer_blocks'],
  [/scaled_fp8$/, 'scaled_fp9'],
];

export function changeTensors(random: SeededRandom, file: Bytes): Bytes {
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const { __metadata__: metadata, ...tensors } = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length)));
  const header: Header = { tensors, metadata };
  let entries = Object.entries(header.tensors).map(([name, { dtype, shape, data_offsets: offsets }]): Entry => {
    const [start, end] = offsets;
    return { name, dtype, shape, bytes: file.slice(8 + length + start, 8 + length + end) };
  });
  for (let times = 1 + random.integer(3); times > 0 && entries.length > 0; times--) {
    const chosen = pick(random, entries);
    const change = pick(random, CHANGES);
    entries = entries.flatMap((entry) => (entry === chosen ? change(random, entry) : [entry]));
  }
  // Of one name, the first.
  const unique = [...new Map(entries.toReversed().map((entry) => [entry.name, entry])).values()];
  return written(unique, random.integer(3) === 0 ? metadataOf(random, header.metadata ?? {}) : header.metadata);
}

const CHANGES: readonly ((random: SeededRandom, entry: Entry) => Entry[])[] = [
  () => [],
  (random, entry) => [{ ...entry, dtype: pick(random, SAME_WIDTH[entry.dtype] ?? [entry.dtype]) }],
  (random, entry) => {
    const [from, to] = pick(random, RENAMINGS);
    return [{ ...entry, name: entry.name.replace(from, to) }];
  },
  (random, entry) => [entry, { ...entry, name: `${entry.name}${pick(random, ['_scale', '.weight', '2'])}` }],
  (_, entry) => [{ ...entry, shape: entry.shape.toReversed() }],
  (_, entry) => [{ ...entry, shape: [1, ...entry.shape] }],
  (_, entry) => [{ ...entry, shape: [0], bytes: new Uint8Array() }],
  (random, entry) => [{ ...entry, bytes: entry.bytes.map(() => random.integer(256)) }],
  // What says how a layer is stored.
  (random, entry) => {
    const json = mutateJson(random, '{"format":"float8_e4m3fn","full_precision_matrix_mult":false}');
    const bytes = new TextEncoder().encode(pick(random, [json.slice(0, 5000), '{"format":"nvfp4"}', '{}', '[]', '']));
    return [entry, { name: entry.name.replace(/\.[^.]*$/, '.comfy_quant'), dtype: 'U8', shape: [bytes.length], bytes }];
  },
];

function metadataOf(random: SeededRandom, metadata: Record<string, string>): Record<string, string> {
  const quantisation =
    metadata._quantization_metadata ?? '{"layers":{"transformer_blocks.0.attn.to_q":{"format":"x"}}}';
  return { ...metadata, _quantization_metadata: mutateJson(random, quantisation).slice(0, 1_000_000) };
}

function written(entries: readonly Entry[], metadata: unknown): Bytes {
  let at = 0;
  const header = Object.fromEntries(
    entries.map(({ name, dtype, shape, bytes }) => {
      at += bytes.length;
      return [name, { dtype, shape, data_offsets: [at - bytes.length, at] }];
    }),
  );
  const json = new TextEncoder().encode(JSON.stringify(metadata ? { __metadata__: metadata, ...header } : header));
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(json.length), true);
  return joined(length, json, ...entries.map(({ bytes }) => bytes));
}
