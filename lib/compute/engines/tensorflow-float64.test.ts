import { createRequire } from 'node:module';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { float64Algebra } from '../../core/analysis/float64.ts';
import { describeFloat64 } from '../../core/analysis/float64-testing.ts';
import golden from '../../core/analysis/goldens/probe.json';
import { fitProbe, probeWeight } from '../../core/analysis/probe.ts';
import { startTestEngine } from '../../core/tensor/test-engines.ts';
import { findTensorflow } from './tensorflow.ts';
import { isTensorflowBinding, TensorflowFloat64 } from './tensorflow-float64.ts';

const folder = findTensorflow();

function open(): TensorflowFloat64 {
  const binding: unknown = createRequire(join(folder!, 'package.json'))('./lib/napi-v8/tfjs_binding.node');
  if (!isTensorflowBinding(binding)) throw new Error('The binding has changed');
  return new TensorflowFloat64(binding);
}

describe.skipIf(!folder)('with the engine tensorflow', () => {
  beforeAll(() => startTestEngine('tensorflow'));

  describeFloat64('TensorFlow', open);

  it('is what probes are fitted with, to the same solutions', async () => {
    expect(float64Algebra()).toBeInstanceOf(TensorflowFloat64);
    for (const { rows, width, x, y, weight, ...rest } of [golden.massive, golden.few, golden.wide]) {
      const ridge = 'ridge' in rest ? rest.ridge : 0;
      const data = { input: Float32Array.from(x), output: Float32Array.from(y), width };
      const probe = await fitProbe({ ...data, rows: Uint32Array.from(Array(rows).keys()) }, { ridge });
      let [difference, size] = [0, 0];
      for (const [i, value] of probeWeight(probe!).entries()) {
        difference += (value - weight[i]!) ** 2;
        size += weight[i]! ** 2;
      }
      expect(Math.sqrt(difference / size)).toBeLessThan(1e-6);
    }
  });

  it('leaves no tensors behind', async () => {
    const algebra = open();
    const count = () =>
      'getNumOfTensors' in algebra.binding
        ? Reflect.apply(algebra.binding.getNumOfTensors as () => number, algebra.binding, [])
        : 0;
    const before = count();
    const { rows, width, x, y } = golden.wide;
    const data = { input: Float32Array.from(x), output: Float32Array.from(y), width };
    for (const form of ['dense', 'low-rank'] as const) {
      await fitProbe({ ...data, rows: Uint32Array.from(Array(rows).keys()) }, { form, algebra });
    }
    expect(count()).toBe(before);
  });
});
