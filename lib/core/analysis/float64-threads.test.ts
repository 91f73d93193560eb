import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seededRandom } from '../random.ts';
import { BlockedAlgebra } from './float64-blocked.ts';
import { type ProductKernel, wasmKernel } from './float64-kernel.ts';
import { describeFloat64 } from './float64-testing.ts';
import { threadedKernel } from './float64-threads.ts';
import { Pace } from './pace.ts';

const HELPER = `
  const { parentPort } = require('node:worker_threads');
  (async () => {
    (await import('tsx/esm/api')).register();
    const { helpWithProducts } = await import(${JSON.stringify(new URL('./float64-threads.ts', import.meta.url).href)});
    parentPort.on('message', (message) => helpWithProducts(message, () => parentPort.postMessage('chunk')));
    parentPort.postMessage('ready');
  })();`;

let helpers: Worker[];
let kernel: ProductKernel;

beforeAll(async () => {
  helpers = [1, 2].map(() => new Worker(HELPER, { eval: true }));
  await Promise.all(helpers.map((helper) => once(helper, 'message')));
  // Every product is shared, however small.
  kernel = threadedKernel(() => helpers, 0)!;
});

afterAll(() => Promise.all(helpers.map((helper) => helper.terminate())));

const pace = new Pace();
const numbers = (length: number, seed: number) => {
  const random = seededRandom(seed);
  return Float64Array.from({ length }, () => random.normal());
};
const alone = () => new BlockedAlgebra(wasmKernel()!);
const together = () => new BlockedAlgebra(kernel);

describeFloat64('WebAssembly on three threads', together);

describe('float64 products on three threads', () => {
  test('are those of one thread, bit for bit, in memories of changing size', async () => {
    const [one, three] = [alone(), together()];
    for (let turn = 0; turn < 40; turn++) {
      const [n, m, d] = [1 + ((turn * 37) % 150), 1 + ((turn * 91) % 170), 1 + ((turn * 53) % 600)];
      const [a, b] = [numbers(n * d, turn), numbers(m * d, turn + 1_000)];
      expect(await three.productTransposed(a, b, n, m, d, pace)).toEqual(
        await one.productTransposed(a, b, n, m, d, pace),
      );
      const k = await one.productTransposed(a, a, n, n, d, pace);
      for (let i = 0; i < n; i++) k[i * n + i]! += d;
      const factors = await Promise.all([one.factor(k, n, pace), three.factor(k, n, pace)]);
      const solved = await Promise.all(factors.map((factor) => factor!.solve(a.subarray(0, n), 1, pace)));
      expect(solved[1]).toEqual(solved[0]);
    }
  });

  test('need no helper: one that never starts leaves its part to the others', async () => {
    const missing = new BlockedAlgebra(threadedKernel(() => [{ postMessage: () => {} }], 0)!);
    const x = numbers(70 * 300, 1);
    const of = (algebra: BlockedAlgebra) => algebra.productTransposed(x, x, 70, 70, 300, pace);
    expect(await of(missing)).toEqual(await of(alone()));
  });

  test('are computed by the helpers too, also after a rest', async () => {
    const counts = helpers.map(() => 0);
    for (const [i, helper] of helpers.entries()) {
      helper.on('message', () => {
        counts[i]! += 1;
      });
    }
    const x = numbers(600 * 600, 2);
    const help = () =>
      // On a busy machine a helper may be late for one product.
      expect
        .poll(
          async () => {
            await together().productTransposed(x, x, 600, 600, 600, pace);
            return counts.every((count) => count > 0);
          },
          { timeout: 60_000, interval: 10 },
        )
        .toBe(true);
    await help();
    // Long enough for helpers to leave their threads to the event loop.
    await new Promise((rested) => setTimeout(rested, 100));
    counts.fill(0);
    await help();
  });

  test('of two operations at the same time, one has a memory of its own', async () => {
    const [a, b] = [numbers(200 * 300, 3), numbers(200 * 300, 4)];
    const often = new Pace();
    often.due = () => true;
    const of = (algebra: BlockedAlgebra, x: Float64Array) => algebra.productTransposed(x, x, 200, 200, 300, often);
    const [one, other] = [together(), together()];
    expect(await Promise.all([of(one, a), of(other, b)])).toEqual([await of(alone(), a), await of(alone(), b)]);
  });

  test('where a thread fails in a product, that is an error, and the next product is computed', async () => {
    const compiled: WebAssembly.Module[] = [];
    const watched = threadedKernel(() => [{ postMessage: (message) => void compiled.push(message.compiled) }], 0)!;
    expect(compiled).toHaveLength(1);
    const outside = watched(16, async ({ values, addProduct }) => {
      addProduct(values.length, 4, 0, 4, 0, 4, 4, 4, 4, 1);
    });
    await expect(outside).rejects.toThrow('A thread failed in a float64 product');
    const x = numbers(20 * 30, 5);
    const algebra = new BlockedAlgebra(watched);
    expect(await algebra.productTransposed(x, x, 20, 20, 30, pace)).toEqual(
      await alone().productTransposed(x, x, 20, 20, 30, pace),
    );
  });
});
