/**
 * A trace of Qwen-Image's shape: 60 blocks of width 3072, two streams, from a seed. Its states are made, not captured, but resemble
 * a residual stream: rows share factors of their prompt, time step and token, blocks add low-rank updates of what they read and some
 * noise, the middle of the depth adds least, and a few features are massive. One state of each stream is held at a time.
 */
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { architectureOf, parseModelConfig } from '../lib/core/model/index.ts';
import { type SeededRandom, seededRandom } from '../lib/core/random.ts';
import { traceParts } from '../lib/core/trace/index.ts';

export interface LargeTrace {
  readonly blocks: number;
  /** Of each stream. */
  readonly rows: number;
  readonly heads: number;
  readonly dtype: 'F32' | 'BF16';
  readonly seed: number;
  /** Whether a few features are massive (true): CKA then follows from those alone. */
  readonly isMassive?: boolean;
}

const PROMPTS = 16;
const TIMESTEPS = 8;
const HEAD_WIDTH = 128;
/** Of what the rows' own factors span. */
const TOKEN_RANK = 96;
/** Of one block's update. */
const UPDATE_RANK = 8;
const MASSIVE = { every: 997, times: 300 };
/** Normal numbers before they come again: a prime, so that rows do not repeat. */
const NOISE_PERIOD = 1_000_003;

export const sampleOfRow = (row: number, rows: number) => Math.floor((row * PROMPTS * TIMESTEPS) / rows);

export async function writeLargeTrace(path: string, of: LargeTrace): Promise<void> {
  const { blocks, rows, heads, dtype, seed, isMassive = true } = of;
  const width = HEAD_WIDTH * heads;
  const raw = {
    _class_name: 'QwenImageTransformer2DModel',
    attention_head_dim: HEAD_WIDTH,
    axes_dims_rope: [16, 56, 56],
    guidance_embeds: false,
    in_channels: 64,
    joint_attention_dim: 3584,
    num_attention_heads: heads,
    num_layers: blocks,
    out_channels: 16,
    patch_size: 2,
  };
  const architecture = architectureOf(parseModelConfig(JSON.stringify(raw), 'config.json'));
  const samples = Array.from({ length: PROMPTS * TIMESTEPS }, (_, sample) => sample);
  const rowsOf = Uint32Array.from({ length: rows }, (_, row) => sampleOfRow(row, rows));
  const tokens = rowsOf.map((sample, row) => row - rowsOf.indexOf(sample));
  const perStream = <T>(value: T) => Object.fromEntries(architecture.streams.map(({ id }) => [id, value]));
  const parts = traceParts(
    {
      model: {
        name: 'seeded-states',
        className: raw._class_name,
        fingerprint: null,
        width,
        streams: architecture.streams,
        stacks: architecture.stacks.map(({ id, label, first, last }) => ({ id, label, first, last })),
        blocks: architecture.blocks.map(({ kind, stack, updates }) => ({ kind, stack, updates })),
        config: raw,
      },
      dtype,
      rows: perStream(rowsOf),
      tokens: perStream(tokens),
      groups: Uint32Array.from(samples, (sample) => Math.floor(sample / TIMESTEPS)),
      levels: Float64Array.from(samples, (sample) => ((sample % TIMESTEPS) + 1) / TIMESTEPS),
      sampling: { seed, rows, passes: 'conditional' },
      calibration: null,
      versions: { writer: 'bench/large-trace-file.ts' },
    },
    states(),
  );
  await pipeline(Readable.from(parts, { objectMode: true }), createWriteStream(path));

  async function* states() {
    const noise = noiseTable(seededRandom(seed));
    const streams = architecture.streams.map(({ id }, at) => {
      const random = seededRandom(1000 * (seed + 1) + at);
      return { id, random, state: embedded(random, noise, rowsOf, width, isMassive) };
    });
    for (let index = -1; index < blocks; index++) {
      for (const { id, random, state } of streams) {
        const updated = index >= 0 && architecture.blocks[index]!.updates.includes(id);
        if (updated) advance(state, random, noise, { rows, width, share: shareAt(index, blocks) });
      }
      yield { index, states: Object.fromEntries(streams.map(({ id, state }) => [id, state])) };
    }
  }
}

/** How much a block adds: most at both ends of the depth. */
function shareAt(block: number, blocks: number): number {
  const place = (2 * (block + 0.5)) / blocks - 1;
  return 0.04 + 0.3 * place ** 4;
}

/** The state before the first block [rows, width]. */
function embedded(
  random: SeededRandom,
  noise: Noise,
  samples: Uint32Array,
  width: number,
  isMassive: boolean,
): Float32Array {
  const ofPrompt = noise.take(random, PROMPTS * width);
  const ofTimestep = noise.take(random, TIMESTEPS * width);
  const basis = noise.take(random, TOKEN_RANK * width);
  const state = noise.take(random, samples.length * width);
  for (let row = 0; row < samples.length; row++) {
    const [prompt, timestep] = [Math.floor(samples[row]! / TIMESTEPS), samples[row]! % TIMESTEPS];
    const own = Float32Array.from({ length: TOKEN_RANK }, (_, k) => random.normal() / Math.sqrt(k + 1));
    const at = row * width;
    for (let j = 0; j < width; j++) {
      state[at + j] =
        0.1 * state[at + j]! + 0.6 * ofPrompt[prompt * width + j]! + 0.5 * ofTimestep[timestep * width + j]!;
    }
    for (let k = 0; k < TOKEN_RANK; k++) {
      for (let j = 0; j < width; j++) state[at + j]! += own[k]! * basis[k * width + j]!;
    }
    for (let j = 0; isMassive && j < width; j += MASSIVE.every) state[at + j]! *= MASSIVE.times;
  }
  return state;
}

/** x + share · (x·V + tanh(x·V))·U + noise, in place. */
function advance(
  state: Float32Array,
  random: SeededRandom,
  noise: Noise,
  { rows, width, share }: { readonly rows: number; readonly width: number; readonly share: number },
): void {
  const [down, up] = [noise.take(random, UPDATE_RANK * width), noise.take(random, UPDATE_RANK * width)];
  // Massive features take no part in the update.
  for (let k = 0; k < UPDATE_RANK; k++) {
    for (let j = 0; j < width; j += MASSIVE.every) down[k * width + j] = 0;
  }
  let next = random.integer(NOISE_PERIOD);
  for (let row = 0; row < rows; row++) {
    const x = state.subarray(row * width, (row + 1) * width);
    for (let j = 0; j < width; j++) {
      x[j]! += 0.1 * share * noise.values[next]!;
      next = next + 1 === NOISE_PERIOD ? 0 : next + 1;
    }
    for (let k = 0; k < UPDATE_RANK; k++) {
      const [v, u] = [down.subarray(k * width, (k + 1) * width), up.subarray(k * width, (k + 1) * width)];
      let read = 0;
      for (let j = 0; j < width; j++) read += x[j]! * v[j]!;
      read /= Math.sqrt(width);
      const added = share * (0.2 * read + Math.tanh(read));
      for (let j = 0; j < width; j++) x[j]! += added * u[j]!;
    }
  }
}

interface Noise {
  readonly values: Float32Array;
  take(random: SeededRandom, length: number): Float32Array;
}

function noiseTable(random: SeededRandom): Noise {
  const values = Float32Array.from({ length: NOISE_PERIOD }, () => random.normal());
  return {
    values,
    take(from, length) {
      const start = from.integer(NOISE_PERIOD);
      return Float32Array.from({ length }, (_, i) => values[(start + i) % NOISE_PERIOD]!);
    },
  };
}
