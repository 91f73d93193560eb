/**
 * TensorFlow's float64 kernels as the analysis's float64 algebra. TensorFlow.js knows no float64, and its binding neither takes
 * nor gives such arrays; it executes any operation by name, though, and `Bitcast` turns pairs of float32 into float64 and back
 * with every bit in its place.
 */
import type { Factored, Float64Algebra, Numbers, Pace } from '../../core/analysis/index.ts';

/** Of tfjs-node's binding, what is used here. Tensors are named by numbers and deleted by whoever made them. */
export interface TensorflowBinding {
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_BOOL: number;
  createTensor(shape: number[], dtype: number, values: Float32Array): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): unknown;
  executeOp(
    name: string,
    attributes: { name: string; type: number; value: number | boolean }[],
    inputs: number[],
    outputs: number,
  ): { id: number }[];
}

export function isTensorflowBinding(value: unknown): value is TensorflowBinding {
  return typeof value === 'object' && value !== null && 'executeOp' in value && 'TF_ATTR_TYPE' in value;
}

/** Types by their numbers in tensorflow/core/framework/types.proto. */
const [FLOAT, DOUBLE] = [1, 2];
/** Smallest pivot accepted, relative to the diagonal entry it came from. */
const PIVOT_TOLERANCE = 1e-14;
const NOT_POSITIVE = /Cholesky decomposition was not successful/;

export class TensorflowFloat64 implements Float64Algebra {
  constructor(readonly binding: TensorflowBinding) {}

  async productTransposed(a: Numbers, b: Numbers, n: number, m: number, d: number, pace: Pace): Promise<Float64Array> {
    await pace.breathe();
    return this.#scoped((scope) => {
      const left = scope.put(a, [n, d]);
      const right = a === b ? left : scope.put(b, [m, d]);
      return scope.values(scope.multiply(left, right, { transposeB: true }));
    });
  }

  async factor(k: Float64Array, n: number, pace: Pace): Promise<Factored | null> {
    await pace.breathe();
    return this.#scoped((scope) => {
      const matrix = scope.put(k, [n, n]);
      let lower: number;
      try {
        lower = scope.execute('Cholesky', [], [matrix]);
      } catch (thrown) {
        if (thrown instanceof Error && NOT_POSITIVE.test(thrown.message)) return null;
        throw thrown;
      }
      const roots = scope.values(scope.execute('MatrixDiagPart', [], [lower]));
      if (!roots.every((root, i) => root * root > PIVOT_TOLERANCE * k[i * n + i]!)) return null;
      // A solve with many right sides runs on one thread at a fifth of a product's speed: they are multiplied by L⁻¹.
      const identity = new Float64Array(n * n);
      for (let i = 0; i < n; i++) identity[i * n + i] = 1;
      const sides = { lower: true, adjoint: false };
      const inverse = scope.keep(
        scope.execute('MatrixTriangularSolve', flags(this.binding, sides), [lower, scope.put(identity, [n, n])]),
      );
      const solved = (b: Float64Array, rows: number, both: boolean) =>
        this.#scoped((inner) => {
          const half = inner.multiply(inner.put(b, [rows, n]), inverse, { transposeB: true });
          return inner.values(both ? inner.multiply(half, inverse, { transposeB: false }) : half);
        });
      return {
        forward: async (b, rows, own) => {
          await own.breathe();
          return solved(b, rows, false);
        },
        solve: async (b, rows, own) => {
          await own.breathe();
          return solved(b, rows, true);
        },
        dispose: () => this.binding.deleteTensor(inverse),
      };
    });
  }

  #scoped<T>(work: (scope: Scope) => T): T {
    const scope = new Scope(this.binding);
    try {
      return work(scope);
    } finally {
      scope.dispose();
    }
  }
}

/** Tensors of one calculation, deleted with it. */
class Scope {
  readonly #made = new Set<number>();

  constructor(readonly binding: TensorflowBinding) {}

  /** As float64. */
  put(values: Numbers, shape: number[]): number {
    if (values instanceof Float32Array) {
      const single = this.#own(this.binding.createTensor(shape, FLOAT, values));
      return this.execute('Cast', this.#types({ SrcT: FLOAT, DstT: DOUBLE }), [single], {});
    }
    const pairs = new Float32Array(values.buffer, values.byteOffset, 2 * values.length);
    const tensor = this.#own(this.binding.createTensor([...shape, 2], FLOAT, pairs));
    return this.execute('Bitcast', this.#types({ T: FLOAT, type: DOUBLE }), [tensor], {});
  }

  values(id: number): Float64Array<ArrayBuffer> {
    const pairs = this.binding.tensorDataSync(
      this.execute('Bitcast', this.#types({ T: DOUBLE, type: FLOAT }), [id], {}),
    );
    if (!(pairs instanceof Float32Array) || !(pairs.buffer instanceof ArrayBuffer)) {
      throw new Error('TensorFlow gave something else than numbers');
    }
    return new Float64Array(pairs.buffer, pairs.byteOffset, pairs.length / 2);
  }

  multiply(a: number, b: number, { transposeB }: { readonly transposeB: boolean }): number {
    return this.execute('MatMul', flags(this.binding, { transpose_a: false, transpose_b: transposeB }), [a, b]);
  }

  execute(name: string, attributes: Attribute[], inputs: number[], types: Types = { T: DOUBLE }): number {
    const [output] = this.binding.executeOp(name, [...attributes, ...this.#types(types)], inputs, 1);
    if (!output) throw new Error(`TensorFlow's ${name} gave nothing`);
    return this.#own(output.id);
  }

  /** Is not deleted with the scope. */
  keep(id: number): number {
    this.#made.delete(id);
    return id;
  }

  dispose(): void {
    for (const id of this.#made) this.binding.deleteTensor(id);
    this.#made.clear();
  }

  #own(id: number): number {
    this.#made.add(id);
    return id;
  }

  #types(types: Types): Attribute[] {
    return Object.entries(types).map(([name, value]) => ({ name, type: this.binding.TF_ATTR_TYPE, value }));
  }
}

type Types = Readonly<Record<string, number>>;
type Attribute = { name: string; type: number; value: number | boolean };

function flags(binding: TensorflowBinding, values: Readonly<Record<string, boolean>>): Attribute[] {
  return Object.entries(values).map(([name, value]) => ({ name, type: binding.TF_ATTR_BOOL, value }));
}
