/**
 * From the files of a model, however they are stored, to its config and a checkpoint with diffusers' names: a transformer
 * folder with its config.json, or a single file in one of its families' original layouts (original-layout.ts).
 */
import {
  type ByteRange,
  type Checkpoint,
  type NamedBlob,
  openCheckpoint,
  readText,
  type TensorInfo,
  WRAPPERS,
} from '../checkpoint/index.ts';
import { blockOf } from '../checkpoint/stored-dtype.ts';
import { ContiguaError } from '../errors.ts';
import { MAX_JSON_BYTES } from '../json-text.ts';
import type { ModelConfig } from './architecture.ts';
import { parseModelConfig } from './config.ts';
import { architectureOf, expectedTensors } from './counts.ts';
import { originalLayouts } from './families.ts';
import type { LayoutTensors, OriginalLayout, TensorSource } from './original-layout.ts';
import { OTHER_MODELS } from './other-models.ts';

export interface StoredModel {
  readonly config: ModelConfig;
  /** Under diffusers' names. */
  readonly checkpoint: Checkpoint;
  /** How the file was laid out, for people; null for a diffusers folder. */
  readonly layout: string | null;
}

/** `config` is the config.json beside the weights, or null. */
export async function openStoredModel(config: NamedBlob | null, weights: readonly NamedBlob[]): Promise<StoredModel> {
  const parsed = config && (await readModelConfig(config));
  return await inDiffusersNames(await openCheckpoint(weights), parsed);
}

export async function readModelConfig(file: NamedBlob): Promise<ModelConfig> {
  return parseModelConfig(await readText(file, { code: 'config-invalid', maxBytes: MAX_JSON_BYTES.config }), file.path);
}

/**
 * The same tensors under diffusers' names. Rejects with `checkpoint-unsupported` for a file of no known layout, or of several
 * models, and with `weight-misshapen` where a fused tensor has other rows than its parts together.
 */
export async function inDiffusersNames(checkpoint: Checkpoint, known: ModelConfig | null): Promise<StoredModel> {
  if (known && hasGlobals(checkpoint, known)) return { config: known, checkpoint, layout: null };
  const file = checkpoint.files.map(({ path }) => path).join(', ');
  const found = layoutsIn(checkpoint, await originalLayouts(known?.family));
  const [only] = found;
  if (!only) {
    // With a config, what is missing is said tensor by tensor.
    if (known) return { config: known, checkpoint, layout: null };
    throw unknownLayout(checkpoint, await originalLayouts(), file);
  }
  if (found.length > 1) {
    throw new ContiguaError('checkpoint-unsupported', 'The file holds more than one model', {
      file,
      found: found.map(({ layout, wrapper }) => `${layout.label} (${wrapper}${layout.keys[0]})`).join(', '),
      expected: 'one',
      hint: 'Take a file of one model.',
    });
  }
  const { layout, wrapper } = only;
  const config = known ?? parseModelConfig(JSON.stringify(layout.config(within(checkpoint, wrapper), file)), file);
  const tensors = new Map<string, TensorInfo>();
  const usedRows = new Map<TensorInfo, number>();
  for (const { name } of expectedTensors(config)) {
    const source = layout.source(name, config);
    const info = checkpoint.tensors.get(wrapper + source.name);
    // What is missing is told with the shapes, by check-weights.ts.
    if (!info) continue;
    tensors.set(name, { ...rowsOf(info, source), name, ...(info.name === name ? {} : { storedAs: info.name }) });
    const rows = source.rows?.reduce((sum, [from, to]) => sum + to - from, 0) ?? info.shape[0] ?? 1;
    usedRows.set(info, (usedRows.get(info) ?? 0) + rows);
  }
  refuseRowsLeftOver(usedRows);
  refuseBlocksLeftOver(
    checkpoint,
    layout.blockLists.map((list) => wrapper + list),
    [...usedRows.keys()].map(({ name }) => name),
  );
  return { config, checkpoint: checkpoint.withTensors(tensors), layout: layout.label };
}

function hasGlobals({ tensors }: Checkpoint, config: ModelConfig): boolean {
  // A table that can be computed may be left out of the file.
  return architectureOf(config).globals.every(({ name, buffer }) => buffer || tensors.has(name));
}

interface Found {
  readonly layout: OriginalLayout;
  readonly wrapper: string;
}

/** Those that the file's keys are of. */
function layoutsIn(checkpoint: Checkpoint, layouts: readonly OriginalLayout[]): readonly Found[] {
  return WRAPPERS.flatMap((wrapper) => {
    const tensors = within(checkpoint, wrapper);
    const isOf = ({ keys, without = [] }: OriginalLayout) =>
      keys.every((key) => tensors.has(key)) && !without.some((key) => tensors.has(key));
    return layouts.filter(isOf).map((layout) => ({ layout, wrapper }));
  });
}

function within({ tensors }: Checkpoint, wrapper: string): LayoutTensors {
  return { has: (name) => tensors.has(wrapper + name), get: (name) => tensors.get(wrapper + name) };
}

/** The rows of a tensor, as ranges of its bytes. */
function rowsOf(info: TensorInfo, { rows }: TensorSource): TensorInfo {
  if (!rows) return info;
  const { file, name: tensor, shape, dtype, scale } = info;
  const [height = 1, ...rest] = shape;
  const wanted = Math.max(...rows.map(([, to]) => to));
  if (wanted > height) {
    throw new ContiguaError('weight-misshapen', 'A fused weight has too few rows', {
      file,
      tensor,
      found: `[${shape.join(', ')}]`,
      expected: `at least ${wanted} rows`,
    });
  }
  const cut = { ...info, shape: [rows.reduce((sum, [from, to]) => sum + to - from, 0), ...rest] };
  const block = blockOf(dtype);
  // Of a type that is not read, so that it is refused by its name.
  if (!block) return cut;
  const rowElements = rest.reduce((product, n) => product * n, 1);
  if (rows.flat().some((row) => (row * rowElements) % block.elements)) {
    throw new ContiguaError('checkpoint-unsupported', 'A fused weight cannot be cut between its blocks', {
      file,
      tensor,
      found: `${dtype} [${shape.join(', ')}]`,
      expected: `parts of a multiple of ${block.elements} elements`,
      hint: 'Take the BF16 or F16 file of the same model.',
    });
  }
  const rowBytes = (rowElements / block.elements) * block.bytes;
  const cutScale = scale?.perRow
    ? { scale: { ...scale, ...rangesOf(scale, rows, (scale.end - scale.start) / height) } }
    : {};
  return { ...cut, ...rangesOf(info, rows, rowBytes), ...cutScale };
}

function rangesOf(
  { start }: ByteRange,
  rows: NonNullable<TensorSource['rows']>,
  rowBytes: number,
): ByteRange & { readonly then?: readonly ByteRange[] } {
  const ranges = rows.map(([from, to]) => ({ start: start + from * rowBytes, end: start + to * rowBytes }));
  const [first = { start, end: start }, ...then] = ranges;
  return then.length > 0 ? { ...first, then } : first;
}

function refuseRowsLeftOver(used: ReadonlyMap<TensorInfo, number>): void {
  for (const [{ file, name: tensor, shape }, rows] of used) {
    if (rows === (shape[0] ?? 1)) continue;
    throw new ContiguaError('weight-misshapen', 'A fused weight has other rows than its parts together', {
      file,
      tensor,
      found: `[${shape.join(', ')}]`,
      expected: `${rows} rows`,
      hint: 'The file is of another variant of the model, or config.json is of another model.',
    });
  }
}

/** Blocks of the file behind those that are used: behind a gap in their numbers, or more than a config.json says. */
function refuseBlocksLeftOver({ tensors }: Checkpoint, lists: readonly string[], used: readonly string[]): void {
  for (const list of lists) {
    const indexIn = (name: string) =>
      name.startsWith(list) ? /^(\d+)\./.exec(name.slice(list.length))?.[1] : undefined;
    const count = used.reduce((most, name) => Math.max(most, Number(indexIn(name) ?? -1) + 1), 0);
    for (const { name, file } of tensors.values()) {
      const index = indexIn(name);
      if (index === undefined || Number(index) < count) continue;
      throw new ContiguaError('weight-misshapen', 'The file has blocks behind those that are used', {
        file,
        tensor: name,
        found: `block ${index} of ${list}*`,
        expected: count === 0 ? `${list}0, and so on` : `blocks 0 to ${count - 1}`,
        hint: 'Number blocks without gaps; a config.json beside the file has to name as many blocks as the file has.',
      });
    }
  }
}

function unknownLayout(
  { tensors, metadata }: Checkpoint,
  layouts: readonly OriginalLayout[],
  file: string,
): ContiguaError {
  const names = [...tensors.keys()];
  const known = OTHER_MODELS.find(({ key }) => WRAPPERS.some((wrapper) => tensors.has(wrapper + key)));
  const architecture = metadata.get('general.architecture');
  const some = `${names.slice(0, 3).join(', ')}${names.length > 3 ? ` and ${names.length - 3} more` : ''}`;
  return new ContiguaError('checkpoint-unsupported', 'The file is of no model that is known', {
    file,
    found: known?.name ?? (architecture ? `architecture "${architecture}", ` : '') + (some || 'no tensors'),
    expected: layouts.map(({ label }) => label).join('; '),
    hint: 'Without a config.json a file has to be in one of these layouts; else pick the `transformer` folder in diffusers format.',
  });
}
