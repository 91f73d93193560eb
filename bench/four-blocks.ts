/**
 * An analysis of four blocks of Qwen-Image's shape (1.36 B parameters, width 3072) from 512 image tokens, beside the same in
 * PyTorch with diffusers' own blocks (training/bench_four_blocks.py): processor time, peak memory, and how far the figures
 * differ. Each takes turns in a process of its own, on the same threads, weights and tokens; this product adds noise bands and
 * resamples, which PyTorch is not asked for. Weights and inputs are made in FOLDER once.
 *
 * `node --import ./scripts/sources.mjs bench/four-blocks.ts FOLDER [--python PATH] [--diffusers SRC] [--threads 1] [--turns 3]
 *   [--engine tensorflow]`
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openAsBlob } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { hugePages } from '../lib/compute/node-process.ts';
import { damageInputsOf, splitRows } from '../lib/core/analysis/index.ts';
import { fileCalibration } from '../lib/core/capture/index.ts';
import { DEFAULT_DETECTION, detectIntervals } from '../lib/core/detection/index.ts';
import { parseModelConfig } from '../lib/core/model/index.ts';
import { parseReport } from '../lib/core/report/index.ts';
import { load, shown } from './turns.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: 'string', default: 'python3' },
    diffusers: { type: 'string' },
    threads: { type: 'string', default: '1' },
    turns: { type: 'string', default: '3' },
    engine: { type: 'string', default: 'tensorflow' },
  },
});
const folder = resolve(positionals[0] ?? '');
if (!positionals[0]) throw new Error('Name a folder for the weights (2.7 GB)');
const CALIBRATION = 'calibration.safetensors';
const local = (path: string) => fileURLToPath(new URL(path, import.meta.url));

const timesSchema = z.object({
  wallMs: z.number(),
  cpuMs: z.number(),
  peakBytes: z.number(),
  report: z.unknown(),
  damage: z.optional(z.unknown()),
});
type Times = z.infer<typeof timesSchema>;

const matrix = z.array(z.array(z.number().nullable()));
const both = z.object({ debiased: matrix, biased: matrix });
const reading = z.record(z.string(), matrix);
const similarity = z.object({ cka: both, trajectories: z.object({ debiased: reading, biased: reading }) });
const referenceSchema = z.object({
  streams: z.record(z.string(), z.object({ 'held-out': similarity, all: similarity })),
  probeR2: z.record(z.string(), z.array(z.number().nullable())),
  damage: z.array(z.object({ first: z.number(), last: z.number(), by: z.string(), outputError: z.number() })),
});

const damageSchema = z.array(
  z.object({
    edit: z.object({ first: z.number(), last: z.number(), by: z.string() }),
    outputError: z.number().nullable(),
  }),
);

/** Ends with its last line of output, as JSON. */
async function run(
  command: string,
  args: readonly string[],
  own: Readonly<Record<string, string>> = {},
): Promise<string> {
  const search = [options.diffusers, process.env.PYTHONPATH].filter(Boolean).join(':');
  const numbers = { OMP_NUM_THREADS: options.threads, TF_NUM_INTRAOP_THREADS: options.threads };
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...numbers, ...own, PYTHONPATH: search },
  });
  let [output, errors] = ['', ''];
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${command} ended with ${code}:\n${errors}`);
  return output.trim().split('\n').at(-1) ?? '';
}

const python = (...args: string[]) =>
  run(options.python, [local('../training/bench_four_blocks.py'), ...args, '--threads', options.threads]);
const ours = () =>
  run(
    process.execPath,
    [
      '--import',
      local('../scripts/sources.mjs'),
      local('./four-blocks-engine.ts'),
      options.threads,
      folder,
      options.engine,
    ],
    // As the product starts its compute process.
    hugePages(process.env),
  );

if (!existsSync(join(folder, CALIBRATION))) await python('make', folder);
const config = parseModelConfig(await readFile(join(folder, 'config.json'), 'utf8'), 'config.json');
const calibration = await fileCalibration(
  { path: CALIBRATION, blob: await openAsBlob(join(folder, CALIBRATION)) },
  config,
);
const split = JSON.stringify({
  heldOut: splitRows(calibration).heldOutSamples,
  damage: damageInputsOf(calibration, []).samples,
});

const taken: Record<'ours' | 'pytorch', Times[]> = { ours: [], pytorch: [] };
for (let turn = 0; turn < Number(options.turns); turn++) {
  taken.pytorch.push(timesSchema.parse(JSON.parse(await python('analyse', folder, split))));
  taken.ours.push(timesSchema.parse(JSON.parse(await ours())));
  console.error(`turn ${turn + 1}: ${load()}`);
}

const seconds = (of: readonly Times[], what: 'cpuMs' | 'wallMs') => of.map((times) => times[what] / 1000);
const gigabytes = (of: readonly Times[]) => of.map(({ peakBytes }) => peakBytes / 1e9);
const ratios = (of: (times: Times) => number) => taken.ours.map((times, i) => of(times) / of(taken.pytorch[i]!));
console.log(`${options.threads} threads, ${options.turns} turns: medians [quartiles]`);
for (const [name, of] of Object.entries(taken)) {
  const wall = `${shown(seconds(of, 'wallMs'), 1)} s`;
  console.log(
    `  ${name.padEnd(8)} processor ${shown(seconds(of, 'cpuMs'), 1)} s, by the clock ${wall}, peak ${shown(gigabytes(of), 2)} GB`,
  );
}
console.log(
  `  ratio    processor ${shown(
    ratios(({ cpuMs }) => cpuMs),
    2,
  )}, peak ${shown(
    ratios(({ peakBytes }) => peakBytes),
    2,
  )}`,
);

const report = parseReport(JSON.stringify(taken.ours[0]!.report), 'report.json');
const reference = referenceSchema.parse(taken.pytorch[0]!.report);
const worst = new Map<string, number>();
const differ = (what: string, a: number | null | undefined, b: number | null | undefined) => {
  const difference =
    a == null || b == null ? ((a ?? null) === (b ?? null) ? 0 : Number.POSITIVE_INFINITY) : Math.abs(a - b);
  worst.set(what, Math.max(worst.get(what) ?? 0, difference));
};
const differAll = (what: string, a: (number | null)[][] | undefined, b: readonly (readonly (number | null)[])[]) => {
  for (const [i, row] of b.entries()) for (const [j, value] of row.entries()) differ(what, a?.[i]?.[j], value);
};
for (const [id, stream] of Object.entries(report.streams)) {
  for (const rows of ['held-out', 'all'] as const) {
    const [found, wanted] = [reference.streams[id]?.[rows], stream.similarity[rows]];
    if (!wanted) continue;
    for (const estimator of ['debiased', 'biased'] as const) {
      differAll(`CKA, ${rows}`, found?.cka[estimator], wanted.cka[estimator]);
      for (const [name, values] of Object.entries(wanted.trajectories[estimator])) {
        differAll(`trajectories, ${rows}`, found?.trajectories[estimator][name], values);
      }
    }
  }
  for (const [block, r2] of stream.probeR2.entries()) differ('probe R²', reference.probeR2[id]?.[block], r2);
}
for (const { edit, outputError } of damageSchema.parse(taken.ours[0]!.damage)) {
  const same = reference.damage.find(
    ({ first, last, by }) => first === edit.first && last === edit.last && by === edit.by,
  );
  differ('output error', same?.outputError, outputError);
}
const intervals = detectIntervals({ streams: report.streams }, DEFAULT_DETECTION);
const wanted = [...new Set(reference.damage.map(({ first, last }) => `[${first},${last}]`))];
console.log(
  `Largest differences: ${[...worst].map(([what, value]) => `${what} ${value.toExponential(1)}`).join(', ')}`,
);
console.log(
  `Detected: ${intervals.map(({ first, last }) => `[${first},${last}]`).join(' ') || 'none'}; PyTorch: ${wanted.join(' ') || 'none'}`,
);
console.log(
  `Resamples: ${report.confidence?.resamples ?? 'none'}; stages of the first turn: ${JSON.stringify(report.stagesMs)} ms`,
);
