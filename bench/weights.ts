/**
 * What reading one block of Qwen-Image's shape costs (width 3072, 340 M weights in BF16), from a file in FOLDER that is made
 * once: nanoseconds of processor time per weight, and the peak memory of a process that reads it once. `plain` is the way
 * before: bytes to float32 in JavaScript, each number looked at, copied to the engine and transposed there. Turns in one run.
 *
 * `node --import ./scripts/sources.mjs bench/weights.ts FOLDER [--engine tensorflow] [--threads 1] [--turns 5]`
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import { nodeEngines } from '../lib/compute/engines/node-engines.ts';
import { nodeFiles } from '../lib/compute/folder/node-files.ts';
import { openFile } from '../lib/core/checkpoint/open.ts';
import type { Checkpoint, ReadTensor } from '../lib/core/checkpoint/types.ts';
import { weightOf } from '../lib/core/model/weights.ts';
import { WANTED_ENGINES } from '../lib/core/tensor/engine.ts';
import { takesStoredMatrices } from '../lib/core/tensor/weight-tensors.ts';
import { load, shown } from './turns.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    engine: { type: 'string', default: 'tensorflow' },
    threads: { type: 'string', default: '1' },
    turns: { type: 'string', default: '5' },
    once: { type: 'string' },
  },
});
if (!positionals[0]) throw new Error('Name a folder for the weights (0.7 GB)');
const file = join(resolve(positionals[0]), 'block.safetensors');
const WIDTH = 3072;
/** [out, in]: two modulations, two attentions of four products, two MLPs. */
const SHAPES = [
  ...Array(2).fill([6 * WIDTH, WIDTH]),
  ...Array(8).fill([WIDTH, WIDTH]),
  ...Array(2).fill([4 * WIDTH, WIDTH]),
  ...Array(2).fill([WIDTH, 4 * WIDTH]),
] as [number, number][];
const WEIGHTS = SHAPES.reduce((sum, [out, into]) => sum + out * into, 0);

const WAYS: Readonly<Record<string, (read: ReadTensor) => tf.Tensor>> = {
  plain: ({ info, stored }) => {
    const halves = new Uint16Array((stored ?? absent()).bytes.slice().buffer);
    const words = new Uint32Array(halves.length);
    for (let i = 0; i < halves.length; i++) words[i] = halves[i]! << 16;
    const values = new Float32Array(words.buffer);
    for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) throw new Error('Not finite');
    return tf.tidy(() => tf.transpose(tf.tensor(values, [...info.shape])));
  },
  product: (read) => weightOf(read, { checks: true, asStored: takesStoredMatrices() }),
  'product, read again': (read) => weightOf(read, { checks: false, asStored: takesStoredMatrices() }),
};

function absent(): never {
  throw new Error('The bytes were not given');
}

/** Noise of a deviation near 0.02, repeated with a period that is no multiple of a row. */
async function make(): Promise<void> {
  let at = 0;
  const header: Record<string, unknown> = {};
  for (const [k, shape] of SHAPES.entries()) {
    const end = at + 2 * shape[0] * shape[1];
    header[`w${k}`] = { dtype: 'BF16', shape, data_offsets: [at, end] };
    at = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const padded = Buffer.alloc(8 * Math.ceil(json.length / 8), ' ');
  padded.set(json);
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(padded.length));
  const period = Uint16Array.from({ length: 1_000_003 }, (_, i) => {
    const bits = Math.imul(i + 1, 2654435761) >>> 8;
    return ((bits & 1) << 15) | (0x3c00 + (bits % 0x140));
  });
  const made = await open(file, 'w');
  await made.write(Buffer.concat([size, padded]));
  for (let left = at; left > 0; left -= period.byteLength) {
    await made.write(new Uint8Array(period.buffer, 0, Math.min(left, period.byteLength)));
  }
  await made.close();
}

async function readBlock(checkpoint: Checkpoint, tensorOf: (read: ReadTensor) => tf.Tensor): Promise<void> {
  const tensors: tf.Tensor[] = [];
  const names = [...checkpoint.tensors.keys()];
  // A tensor is there once its first number is.
  for await (const read of checkpoint.readEach(names)) tensors.push(tensorOf(read));
  await tf.tidy(() => tf.slice(tf.reshape(tensors.at(-1)!, [-1]), 0, 1)).data();
  tf.dispose(tensors);
}

if (!existsSync(file)) await make();
await nodeEngines().start(WANTED_ENGINES.find((name) => name === options.engine) ?? 'auto', Number(options.threads));
const checkpoint = (await openFile(
  await nodeFiles.openFile(pathToFileURL(file).href, 'block.safetensors'),
)) as Checkpoint;

if (options.once !== undefined) {
  await readBlock(checkpoint, WAYS[options.once] ?? absent);
  console.log(process.resourceUsage().maxRSS * 1024);
} else {
  const times = new Map(Object.keys(WAYS).map((name) => [name, [] as number[]]));
  for (let turn = 0; turn <= Number(options.turns); turn++) {
    for (const [name, tensorOf] of Object.entries(WAYS)) {
      const before = process.cpuUsage();
      await readBlock(checkpoint, tensorOf);
      const { user, system } = process.cpuUsage(before);
      if (turn > 0) times.get(name)!.push(((user + system) * 1000) / WEIGHTS);
    }
  }
  console.log(
    `${options.engine}, ${options.threads} thread(s), ${load()}; medians and quartiles of ${options.turns} turns`,
  );
  console.log('| way | ns per weight | peak memory, GB |\n|---|---|---|');
  for (const [name, taken] of times) {
    const again = [...process.execArgv, ...process.argv.slice(1), '--once', name];
    const lines = execFileSync(process.execPath, again, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    console.log(`| ${name} | ${shown(taken, 1)} | ${(Number(lines.trim().split('\n').at(-1)) / 1e9).toFixed(2)} |`);
  }
}
process.exit();
