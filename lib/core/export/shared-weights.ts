/**
 * The weights of a model whose blocks share their modulation, from those of the model that they are shared in: bases as they were
 * found, and for every modulation matrix W [rows, D] with bias b
 *
 *   rank r       W·Dᵀ [rows, r] and the bias b + W·(m − DᵀU·m), for a basis U [r, D], its directions D [r, D] and the mean m
 *   timesteps    W·s + b for the conditioning s of each timestep, [rows, timesteps], without a bias
 *
 * Products are made in float64 when their bytes are asked for, from a few rows at a time.
 */
import { type NamedBlob, readRange, tensorBytes } from '../checkpoint/index.ts';
import { type EditSet, editKey, type ModulationEdit } from '../edit/index.ts';
import { ContiguaError } from '../errors.ts';
import { architectureOf, basisName, expectedTensors, isPart, type ModelConfig } from '../model/config-index.ts';
import { fromFloat32, toFloat32 } from '../tensor/float.ts';
import { checkValues, type TrainedDType } from './cast-tensor.ts';
import { lazyBlob } from './lazy-blob.ts';
import { checkTrainedValues, openModulations, type TrainedTensors } from './trained-file.ts';
import type { LazyTensor } from './weight-files.ts';

/** Of a model's edits, those of modulations, in their order: the N-th belongs to the tensors `modulation.N.*` of the file. */
export function modulationsOf(edits: EditSet): ModulationEdit[] {
  return edits.filter((edit) => edit.on === 'modulation');
}

/** The tensors of `file` that a fit of modulations consists of, by the edit's place. */
export function fitTensors({ by }: ModulationEdit, place: number, width: number) {
  const tensor = (part: string, shape: readonly number[]) => ({ part, name: `modulation.${place}.${part}`, shape });
  if ('table' in by) return [tensor('conditioning', [by.table.length, width])];
  return [tensor('basis', [by.rank, width]), tensor('directions', [by.rank, width]), tensor('mean', [width])];
}

export interface SharedWeightsInput {
  /** Of the model with shared modulations. */
  readonly config: ModelConfig;
  readonly fingerprint: string;
  readonly edits: EditSet;
  readonly file: NamedBlob | undefined;
  /** Of bases, and of matrices and biases that are read through what blocks share. */
  readonly dtype: 'teacher' | 'F32';
  readonly checkValues: boolean;
}

/** `tensors` are complete, without shared modulations but for those that the whole model has already. */
export async function sharedWeights(
  tensors: readonly LazyTensor[],
  { config, fingerprint, edits, file, dtype: stored, checkValues: checks }: SharedWeightsInput,
): Promise<readonly LazyTensor[]> {
  const modulations = modulationsOf(edits);
  if (modulations.length === 0) return tensors;
  if (!file) {
    throw new ContiguaError('weight-missing', 'What blocks are to share was not found yet', {
      found: modulations.map(editKey).join(', '),
      expected: 'a basis, or the conditionings of a table',
    });
  }
  const wanted = modulations.flatMap((edit, place) => fitTensors(edit, place, config.width));
  const fits = await openModulations(file, { fingerprint, family: config.family }, wanted);
  if (checks) await checkTrainedValues(fits);
  const { blocks, sharedModulations = [] } = architectureOf(config);
  const first = sharedModulations.length - modulations.length;
  const readers = await Promise.all(modulations.map((edit, place) => readerOf(edit, place, fits, config.width)));
  const given = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const find = (name: string): LazyTensor => {
    const tensor = given.get(name);
    if (!tensor) throw new RangeError(`No tensor ${name}`);
    return tensor;
  };
  const products = new Products();
  return expectedTensors(config).map(({ name, local, shape, block }): LazyTensor => {
    const basis = readers.findIndex((_, place) => block === null && name === `${basisName(first + place)}.weight`);
    if (basis >= 0) {
      const like = tensors.find((tensor) => tensor.name.startsWith(blocks[0]?.prefix ?? ''));
      const dtype = stored === 'F32' ? 'F32' : floatOf(like?.dtype ?? 'F32');
      const values = readers[basis]!.basis;
      return { name, shape, dtype, blob: valuesBlob(shape, dtype, name, async () => values) };
    }
    const spec = block === null ? undefined : blocks[block];
    const reader = spec?.modulatedBy === undefined ? undefined : readers[spec.modulatedBy - first];
    const modulation = spec?.parts?.modulation;
    const matrices = modulation && !isPart(modulation) ? (modulation.matrices ?? []) : [];
    const matrix = matrices.find((one) => local === `${one.matrix}.weight` || local === `${one.matrix}.bias`)?.matrix;
    if (!spec || !reader || matrix === undefined) return find(name);
    const whole = { weight: find(`${spec.prefix}${matrix}.weight`), bias: find(`${spec.prefix}${matrix}.bias`) };
    const dtype = stored === 'F32' ? 'F32' : floatOf(whole.weight.dtype);
    const part = local.endsWith('.bias') ? 'bias' : 'weight';
    return {
      name,
      shape,
      dtype,
      blob: valuesBlob(shape, dtype, name, async () => (await products.of(whole, reader))[part]),
    };
  });
}

/** How a matrix is read through what blocks share. */
interface Reader {
  /** [count, D]; of a table none. */
  readonly basis: Float32Array;
  /** [count, D]: the directions of a basis, or the conditionings of timesteps. */
  readonly directions: Float32Array;
  readonly count: number;
  /** What the bias gets of the matrix, [D]; null where it is part of every column instead. */
  readonly offset: Float64Array | null;
}

async function readerOf(edit: ModulationEdit, place: number, fits: TrainedTensors, width: number): Promise<Reader> {
  const values = async (part: string) => {
    const tensor = fits.get(`modulation.${place}.${part}`);
    if (!tensor) throw new RangeError(`No ${part} of modulation ${place}`);
    return new Float32Array((await readRange(tensor.blob, tensor.file, 0, tensor.blob.size)).buffer);
  };
  if ('table' in edit.by) {
    const directions = await values('conditioning');
    return { basis: new Float32Array(), directions, count: edit.by.table.length, offset: null };
  }
  const [basis, directions, mean] = [await values('basis'), await values('directions'), await values('mean')];
  // m − DᵀU·m: the part of the mean that the basis does not hold.
  const offset = Float64Array.from(mean);
  for (let r = 0; r < edit.by.rank; r++) {
    const at = r * width;
    let along = 0;
    for (let k = 0; k < width; k++) along += basis[at + k]! * mean[k]!;
    for (let k = 0; k < width; k++) offset[k] = offset[k]! - along * directions[at + k]!;
  }
  return { basis, directions, count: edit.by.rank, offset };
}

interface WholeLayer {
  readonly weight: LazyTensor;
  readonly bias: LazyTensor;
}

interface Product {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

/** The last product is kept: weight and bias of a layer lie side by side in the file, and both need all of the matrix. */
class Products {
  #last: { readonly name: string; readonly product: Promise<Product> } | null = null;

  of(layer: WholeLayer, reader: Reader): Promise<Product> {
    const { name } = layer.weight;
    if (this.#last?.name !== name) {
      const product = productOf(layer, reader);
      this.#last = { name, product };
      // A failed reading is tried again when it is asked for again.
      product.catch(() => {
        if (this.#last?.product === product) this.#last = null;
      });
    }
    return this.#last.product;
  }
}

/** Rows that are read at once, in float32 bytes. */
const READ_BYTES = 16 * 2 ** 20;

async function productOf({ weight, bias }: WholeLayer, { directions, count, offset }: Reader): Promise<Product> {
  const [rows = 0, width = 0] = weight.shape;
  const ofBias = await floatsOf(bias, 0, rows);
  // [D, count], so that one element of the matrix meets neighbours.
  const turned = new Float64Array(width * count);
  for (let r = 0; r < count; r++) for (let k = 0; k < width; k++) turned[k * count + r] = directions[r * width + k]!;
  const product = { weight: new Float32Array(rows * count), bias: new Float32Array(rows) };
  const atOnce = Math.max(1, Math.floor(READ_BYTES / (4 * width)));
  const sums = new Float64Array(count);
  for (let from = 0; from < rows; from += atOnce) {
    const to = Math.min(rows, from + atOnce);
    const values = await floatsOf(weight, from * width, to * width);
    for (let row = from; row < to; row++) {
      const start = (row - from) * width;
      let shift = ofBias[row]!;
      sums.fill(offset ? 0 : shift);
      for (let k = 0; k < width; k++) {
        const value = values[start + k]!;
        if (offset) shift += value * offset[k]!;
        const at = k * count;
        for (let r = 0; r < count; r++) sums[r] = sums[r]! + value * turned[at + r]!;
      }
      product.weight.set(sums, row * count);
      product.bias[row] = shift;
    }
  }
  return product;
}

async function floatsOf({ blob, dtype, name }: LazyTensor, from: number, to: number): Promise<Float32Array> {
  const bytes = tensorBytes({ dtype, shape: [1] });
  return toFloat32(await readRange(blob, name, from * bytes, to * bytes), dtype, { tensor: name });
}

function valuesBlob(shape: readonly number[], dtype: TrainedDType, tensor: string, make: () => Promise<Float32Array>) {
  return lazyBlob(tensorBytes({ dtype, shape }), async (start, end) => {
    const bytes = tensorBytes({ dtype, shape: [1] });
    const [from, to] = [Math.floor(start / bytes), Math.ceil(end / bytes)];
    const values = (await make()).subarray(from, to);
    checkValues(values, dtype, from, { file: 'shared modulations', tensor });
    return fromFloat32(values, dtype).subarray(start - from * bytes, end - from * bytes);
  });
}

function floatOf(dtype: LazyTensor['dtype']): TrainedDType {
  return dtype === 'F16' || dtype === 'BF16' ? dtype : 'F32';
}
