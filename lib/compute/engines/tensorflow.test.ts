import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startComputeProcess } from '../node-process.ts';
import { findTensorflow, loadTensorflow } from './tensorflow.ts';

const url = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);

/** Trains a block for a few steps, on shapes large enough for several threads, and prints a checksum of every bit of it. */
const TRAIN = `
  import { createHash } from 'node:crypto';
  import { register } from ${JSON.stringify(import.meta.resolve('tsx/esm/api'))};
  register();
  const { trainingBlock } = await import(${url('../../../bench/training-block.ts')});
  const { nodeEngines } = await import(${url('./node-engines.ts')});
  await nodeEngines().start('tensorflow');
  const block = await trainingBlock({ heads: 3, headDim: 32, ropeAxes: [8, 12, 12], batch: 8 });
  for (let step = 0; step < 4; step++) await block.step();
  const hash = createHash('sha256');
  for (const vector of block.weights()) hash.update(Buffer.from((await vector.data()).buffer));
  console.log(hash.digest('hex'));`;

async function trainedBits(threads: number): Promise<string> {
  const env = { ...process.env, TF_NUM_INTRAOP_THREADS: String(threads), OMP_NUM_THREADS: String(threads) };
  const child = spawn(process.execPath, ['--input-type=module', '-e', TRAIN], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env,
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  await once(child, 'close');
  return output.trim();
}

describe('the engine tensorflow', () => {
  it('is not taken from a folder that was never finished', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'contigua-engine-'));
    expect(findTensorflow(empty) ?? '').not.toContain(empty);
    await expect(loadTensorflow(join(empty, 'package'))).rejects.toThrow();
    await rm(empty, { recursive: true });
  });

  it.skipIf(!findTensorflow())('says its version, its processor and its threads', async () => {
    const { client } = startComputeProcess({ threads: 1 });
    const report = await client.call('startEngine', { wanted: 'auto' });
    expect(report).toMatchObject({ name: 'tensorflow', threads: 1 });
    expect(report.device).toMatch(/^libtensorflow 2\.\d+\.\d+, (CPU, 1 thread|GPU)$/);
    const { maxAbsError, tolerance } = await client.call('verifyEngine', {});
    expect(maxAbsError).toBeLessThan(tolerance);
    client.close();
  });

  it.skipIf(!findTensorflow()).each([1, 2])('trains to the same bits twice, on %i threads', async (threads) => {
    const bits = await trainedBits(threads);
    expect(bits).toMatch(/^[0-9a-f]{64}$/);
    expect(await trainedBits(threads)).toBe(bits);
  });
});
