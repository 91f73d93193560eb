/**
 * The one inner loop of the float64 algebra, C += sign · A·Bᵀ, as WebAssembly SIMD. The module is written here byte by byte (it
 * is one function), so that there is no build step and no binary in the repository. Rows are read along the features, which
 * is how states are stored; a tile of 2 × 4 results stays in registers. Each product is rounded before it is added (no fused
 * multiply-add), so that all machines give the same bits.
 */

/** Element offsets and strides into the memory; n is a multiple of 2, m and k of 4. */
export type AddProduct = (
  c: number,
  strideC: number,
  a: number,
  strideA: number,
  b: number,
  strideB: number,
  n: number,
  m: number,
  k: number,
  sign: 1 | -1,
) => void;

/** Memory and what works on it. */
export interface Workspace {
  readonly values: Float64Array;
  readonly addProduct: AddProduct;
}

/** Gives `work` a workspace of at least `length` numbers, of any content, for as long as its promise takes. */
export type ProductKernel = <T>(length: number, work: (workspace: Workspace) => Promise<T>) => Promise<T>;

/** Null where this JavaScript engine compiles no WebAssembly SIMD. */
export function wasmKernel(): ProductKernel | null {
  const compiled = productModule();
  if (!compiled) return null;
  return reusing((length) => {
    const memory = new WebAssembly.Memory({ initial: Math.max(1, Math.ceil((8 * length) / PAGE_BYTES)) });
    return { values: new Float64Array(memory.buffer), addProduct: productIn(compiled, memory) };
  });
}

/** `shared`: of a memory that several threads share. Null where this JavaScript engine does not compile it. */
export function productModule({ shared = false } = {}): WebAssembly.Module | null {
  if (typeof WebAssembly !== 'object') return null;
  const bytes = moduleBytes(shared);
  return WebAssembly.validate(bytes) ? new WebAssembly.Module(bytes) : null;
}

export function productIn(compiled: WebAssembly.Module, memory: WebAssembly.Memory): AddProduct {
  const { addProduct } = new WebAssembly.Instance(compiled, { '': { memory } }).exports;
  if (typeof addProduct !== 'function') throw new Error('The module has no product');
  return (c, strideC, a, strideA, b, strideB, n, m, k, sign) =>
    addProduct(8 * c, 8 * strideC, 8 * a, 8 * strideA, 8 * b, 8 * strideB, n, m, 8 * k, sign);
}

/**
 * The last workspace is used again, as browsers give out few memories of WebAssembly; a much larger one than is needed goes,
 * as they never shrink.
 */
function reusing(make: (length: number) => Workspace): ProductKernel {
  let idle: Workspace | null = null;
  return async (length, work) => {
    const held = idle?.values.length ?? 0;
    const workspace = idle && held >= length && held <= 2 * length + KEPT_NUMBERS ? idle : make(length);
    idle = null;
    try {
      return await work(workspace);
    } finally {
      idle = workspace;
    }
  };
}

export const PAGE_BYTES = 65_536;
/** 4 GiB. */
export const MOST_PAGES = 65_536;
/** 16 MiB. */
const KEPT_NUMBERS = 2 ** 21;

/** The same loop in JavaScript. */
export function plainKernel(): ProductKernel {
  return reusing((length) => {
    const values = new Float64Array(length);
    return { values, addProduct: plainProduct(values) };
  });
}

function plainProduct(values: Float64Array): AddProduct {
  return (c, strideC, a, strideA, b, strideB, n, m, k, sign) => {
    for (let j = 0; j < m; j += 4) {
      const [b0, b1, b2, b3] = [b + j * strideB, b + (j + 1) * strideB, b + (j + 2) * strideB, b + (j + 3) * strideB];
      for (let i = 0; i < n; i += 2) {
        const [a0, a1] = [a + i * strideA, a + (i + 1) * strideA];
        let [s00, s01, s02, s03, s10, s11, s12, s13] = [0, 0, 0, 0, 0, 0, 0, 0];
        for (let p = 0; p < k; p++) {
          const x0 = values[a0 + p]!;
          const x1 = values[a1 + p]!;
          const y0 = values[b0 + p]!;
          const y1 = values[b1 + p]!;
          const y2 = values[b2 + p]!;
          const y3 = values[b3 + p]!;
          s00 += x0 * y0;
          s01 += x0 * y1;
          s02 += x0 * y2;
          s03 += x0 * y3;
          s10 += x1 * y0;
          s11 += x1 * y1;
          s12 += x1 * y2;
          s13 += x1 * y3;
        }
        const to = c + i * strideC + j;
        values[to] = values[to]! + sign * s00;
        values[to + 1] = values[to + 1]! + sign * s01;
        values[to + 2] = values[to + 2]! + sign * s02;
        values[to + 3] = values[to + 3]! + sign * s03;
        const next = to + strideC;
        values[next] = values[next]! + sign * s10;
        values[next + 1] = values[next + 1]! + sign * s11;
        values[next + 2] = values[next + 2]! + sign * s12;
        values[next + 3] = values[next + 3]! + sign * s13;
      }
    }
  };
}

const I32 = 0x7f;
const F64 = 0x7c;
const V128 = 0x7b;
/** Locals: the parameters in order (k as bytes), then 11 numbers, then vectors. */
const LOCALS = { c: 0, strideC: 1, a: 2, strideA: 3, b: 4, strideB: 5, n: 6, m: 7, k: 8, sign: 9 } as const;
const [I, J, P, A0, A1, B0, TO] = [10, 11, 12, 13, 14, 15, 19];
const [X0, X1, Y, SUMS] = [20, 21, 22, 23];

function moduleBytes(shared: boolean): Uint8Array<ArrayBuffer> {
  const type = [0x60, ...list([...Array<number>(9).fill(I32), F64]), ...list([])];
  const limits = shared ? [0x03, 0x00, ...number(MOST_PAGES)] : [0x00, 0x00];
  const memory = [...text(''), ...text('memory'), 0x02, ...limits];
  const code = [
    ...list([
      [10, I32],
      [11, V128],
    ]).flat(),
    ...body(),
    0x0b,
  ];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, ...type]),
    ...section(2, [1, ...memory]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...text('addProduct'), 0x00, 0]),
    ...section(10, [1, ...number(code.length), ...code]),
  ]);
}

/** for j, for i: the sums of the tile over p, then C += sign · sums. */
function body(): number[] {
  const { c, strideC, a, strideA, b, strideB, n, m, k, sign } = LOCALS;
  const rowsOfB = [1, 2, 3].flatMap((row) => set(B0 + row, add(get(B0 + row - 1), get(strideB))));
  const tile = [0, 1].flatMap((row) => [
    ...set(
      TO,
      row === 0
        ? add(add(get(c), multiply(get(I), get(strideC))), multiply(get(J), [0x41, 8]))
        : add(get(TO), get(strideC)),
    ),
    ...[0, 2].flatMap((column) => addPair(SUMS + 4 * row + column, column, sign)),
  ]);
  return forEach(J, 4, get(m), [
    ...set(B0, add(get(b), multiply(get(J), get(strideB)))),
    ...rowsOfB,
    ...forEach(I, 2, get(n), [
      ...set(A0, add(get(a), multiply(get(I), get(strideA)))),
      ...set(A1, add(get(A0), get(strideA))),
      ...Array.from({ length: 8 }, (_, at) => set(SUMS + at, [0xfd, 0x0c, ...Array<number>(16).fill(0)])).flat(),
      ...forEach(P, 32, get(k), [0, 16].flatMap(addProducts)),
      ...tile,
    ]),
  ]);
}

/** Two features of each row, `offset` bytes on: sums of products, feature by feature. */
function addProducts(offset: number): number[] {
  const load = (row: number) => [...add(get(row), get(P)), 0xfd, 0x00, 3, offset];
  return [
    ...set(X0, load(A0)),
    ...set(X1, load(A1)),
    ...[0, 1, 2, 3].flatMap((column) => [
      ...set(Y, load(B0 + column)),
      ...[X0, X1].flatMap((x, row) => {
        const sum = SUMS + 4 * row + column;
        return set(sum, [...get(sum), ...get(x), ...get(Y), 0xfd, 0xf2, 0x01, 0xfd, 0xf0, 0x01]);
      }),
    ]),
  ];
}

/** Two neighbours of C, from the sums of even and odd features of each. */
function addPair(sums: number, column: number, sign: number): number[] {
  const halves = (first: number) => [
    0xfd,
    0x0d,
    ...[0, 16].flatMap((of) => Array.from({ length: 8 }, (_, i) => of + first + i)),
  ];
  const both = [...get(sums), ...get(sums + 1)];
  const total = [...both, ...halves(0), ...both, ...halves(8), 0xfd, 0xf0, 0x01];
  const signed = [...total, ...get(sign), 0xfd, 0x14, 0xfd, 0xf2, 0x01];
  const memory = [3, 8 * column];
  return [...get(TO), ...get(TO), 0xfd, 0x00, ...memory, ...signed, 0xfd, 0xf0, 0x01, 0xfd, 0x0b, ...memory];
}

/** for (local = 0; local < end; local += step), at least once. */
function forEach(local: number, step: number, end: readonly number[], inner: readonly number[]): number[] {
  const next = [...add(get(local), [0x41, step]), 0x22, local, ...end, 0x49, 0x0d, 0];
  return [...set(local, [0x41, 0]), 0x03, 0x40, ...inner, ...next, 0x0b];
}

const get = (local: number) => [0x20, local];
const set = (local: number, value: readonly number[]) => [...value, 0x21, local];
const add = (x: readonly number[], y: readonly number[]) => [...x, ...y, 0x6a];
const multiply = (x: readonly number[], y: readonly number[]) => [...x, ...y, 0x6c];

/** LEB128. */
function number(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...number(value >>> 7)];
}

function list(items: readonly (number | readonly number[])[]): number[] {
  return [...number(items.length), ...items.flat()];
}

const text = (value: string) => list([...value].map((character) => character.charCodeAt(0)));
const section = (id: number, bytes: readonly number[]) => [id, ...number(bytes.length), ...bytes];
