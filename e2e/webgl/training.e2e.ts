/** Training on WebGL, without the page, which trains on the server: the worker beside this file, bundled and run alone. */
import { build } from 'esbuild';
import { GRADIENT_TOLERANCE } from '../../lib/core/distil/goldens/gradient-deviations.ts';
import { expect, test } from '../contigua.ts';
import type { TrainingOnWebgl } from './training.worker.ts';

const LONG_MS = 1_200_000;

test('gradients of every family are those of autograd on WebGL, and no texture stays behind', async ({ page }) => {
  test.setTimeout(LONG_MS);
  const { outputFiles } = await build({
    entryPoints: [new URL('training.worker.ts', import.meta.url).pathname],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    mainFields: ['module', 'main'],
    external: ['node:*', 'fs', 'path', 'os', 'crypto', 'worker_threads', 'perf_hooks', 'util', 'string_decoder'],
    write: false,
    logLevel: 'error',
  });
  const isolated = { 'Cross-Origin-Embedder-Policy': 'require-corp', 'Cross-Origin-Resource-Policy': 'same-origin' };
  await page.route('/webgl-training/*', async (route) => {
    const script = route.request().url().endsWith('.js');
    await route.fulfill({
      headers: isolated,
      contentType: script ? 'text/javascript' : 'text/html',
      body: script ? outputFiles[0]!.text : '<!doctype html><title>Training on WebGL</title>',
    });
  });
  await page.goto('/webgl-training/page.html');
  const result = await page.evaluate(
    () =>
      new Promise<TrainingOnWebgl | { readonly failure: string }>((resolve) => {
        const worker = new Worker('/webgl-training/worker.js', { type: 'module' });
        worker.addEventListener('message', ({ data }) => resolve(data));
        worker.addEventListener('error', ({ message }) => resolve({ failure: message }));
      }),
  );
  if ('failure' in result) throw new Error(result.failure);
  const { blocks, tensorsLeft, bytesLeft, bytesAllocated } = result;
  expect(blocks.length).toBeGreaterThan(8);
  for (const { of, loss, weights, inputs } of blocks) {
    expect(loss, `loss of ${of}`).toBeLessThan(GRADIENT_TOLERANCE);
    for (const { value, where } of [weights, inputs]) expect(value, `${of}, ${where}`).toBeLessThan(GRADIENT_TOLERANCE);
  }
  expect(tensorsLeft).toBe(0);
  expect(bytesLeft).toBe(0);
  expect(bytesAllocated).toBeLessThan(256 * 2 ** 20);
});
