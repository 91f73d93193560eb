/**
 * The trajectories of one stream over held-out and over all rows: by one sweep that shares fitted rows (shared-sweep.ts), and by two
 * sweeps that advance every row. Both in one run on a made trace (large-trace-file.ts), with the largest difference of their figures
 * and the products of all surrogates, counted.
 *
 *   node --import ./scripts/sources.mjs bench/shared-sweep.ts [--engine wasm] [--rows 512,1024] [--heads 24] [--blocks 4]
 */
import { openAsBlob } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { nodeEngines } from '../lib/compute/engines/node-engines.ts';
import { rowBatches } from '../lib/core/analysis/gram-batches.ts';
import { type SweepRows, sweepGrams } from '../lib/core/analysis/gram-sweep.ts';
import { splitRows } from '../lib/core/analysis/held-out.ts';
import { Pace } from '../lib/core/analysis/pace.ts';
import { pickRows } from '../lib/core/analysis/pick-rows.ts';
import { asAffineMap, fitProbe } from '../lib/core/analysis/probe.ts';
import { sweepShared } from '../lib/core/analysis/shared-sweep.ts';
import type { AffineMap } from '../lib/core/model/route.ts';
import type { Similarity } from '../lib/core/report/report.ts';
import { openTrace, traceStates } from '../lib/core/trace/index.ts';
import { writeLargeTrace } from './large-trace-file.ts';

const { values } = parseArgs({
  options: {
    engine: { type: 'string', default: 'wasm' },
    rows: { type: 'string', default: '512,1024' },
    heads: { type: 'string', default: '24' },
    blocks: { type: 'string', default: '4' },
  },
});
const [heads, blocks] = [Number(values.heads), Number(values.blocks)];
const width = 128 * heads;
const pace = new Pace();
const engines = nodeEngines();
await engines.start(values.engine as 'wasm');

const folder = await mkdtemp(join(tmpdir(), 'shared-sweep-'));
console.log(
  '| rows | held out | sets of fitted rows | GFLOP for 60 blocks, apart | shared | processor seconds, apart | shared | ratio | largest difference |',
);
console.log('|---|---|---|---|---|---|---|---|---|');
try {
  for (const rows of values.rows.split(',').map(Number)) console.log(await measured(rows));
} finally {
  await rm(folder, { recursive: true });
}
process.exit(0);

async function measured(rows: number): Promise<string> {
  const path = join(folder, `${rows}.safetensors`);
  await writeLargeTrace(path, { blocks, rows, heads, dtype: 'F32', seed: 1 });
  const trace = await openTrace({ path, blob: await openAsBlob(path) });
  const states: Float32Array[] = [];
  for await (const { states: of } of traceStates(trace, { from: -1 })) states.push(of.image!);
  const split = splitRows(trace.samples);
  const [fitted, heldOut] = [split.fit.image!, split.heldOut.image!];
  const probes: AffineMap[] = [];
  for (let block = 0; block < blocks; block++) {
    const probe = await fitProbe({ input: states[block]!, output: states[block + 1]!, width, rows: fitted }, { pace });
    probes.push(asAffineMap(probe!));
  }
  const kept = new Map<string, Float32Array>();
  const from = (picked: Uint32Array): SweepRows => ({
    state: async (index) => pickRows(states[index]!, width, picked),
    probe: async (block) => probes[block]!,
    surrogate: async (start) => kept.get(`${start}`)!.slice(),
    putSurrogate: async (start, of) => void kept.set(`${start}`, of.slice()),
  });
  const all = Uint32Array.from({ length: rows }, (_, row) => row);
  const of = { blocks, width, updated: Array<boolean>(blocks).fill(true), resampling: null };
  const held = new Set(heldOut);
  const isFitted = Array.from(all, (row) => !held.has(row));

  // Trajectories alone: states are compared as often by both.
  const timed = async <T>(sweep: (onState: () => void) => Promise<T>): Promise<[T, number]> => {
    let startedAt = process.cpuUsage();
    const result = await sweep(() => {
      startedAt = process.cpuUsage();
    });
    const { user, system } = process.cpuUsage(startedAt);
    return [result, (user + system) / 1e6];
  };
  const [apartHeldOut, heldOutSeconds] = await timed((onState) =>
    sweepGrams({ ...of, rows: heldOut.length }, from(heldOut), pace, { onState }),
  );
  const [apartAll, allSeconds] = await timed((onState) => sweepGrams({ ...of, rows }, from(all), pace, { onState }));
  const [shared, sharedSeconds] = await timed((onState) =>
    sweepShared(
      { ...of, isFitted },
      {
        ...from(all),
        fitted: async (set) => kept.get(`fitted ${set}`)!.slice(),
        putFitted: async (set, of) => void kept.set(`fitted ${set}`, of.slice()),
      },
      pace,
      { onState },
    ),
  );
  const apart = heldOutSeconds + allSeconds;
  const difference = Math.max(
    differenceOf(shared.all.similarity, apartAll.similarity),
    differenceOf(shared.heldOut.similarity, apartHeldOut.similarity),
  );
  const { before, after } = products(fitted, heldOut, shared.sets);
  return `| ${rows} | ${heldOut.length} | ${shared.sets} | ${Math.round(before)} | ${Math.round(after)} | ${apart.toFixed(1)} | ${sharedSeconds.toFixed(1)} | ${(apart / sharedSeconds).toFixed(2)} | ${difference.toExponential(1)} |`;
}

/** Of a stream of sixty blocks. A product [n, k]·[k, m] is 2·n·k·m operations. */
function products(fitted: Uint32Array, heldOut: Uint32Array, sets: number): { before: number; after: number } {
  const [f, h] = [fitted.length, heldOut.length];
  const advanced = (rows: number) => 4 * rows * width * f;
  const gram = (rows: number) => rowBatches(rows).reduce((sum, { length }) => sum + 2 * length ** 2 * width, 0);
  const held = new Set(heldOut);
  // Places of rows are places in the stream: fitted and held-out rows are all of it.
  const batches = rowBatches(f + h).map((rows) => rows.filter((row) => held.has(row)).length);
  const sizes = rowBatches(f + h).map(({ length }) => length);
  const ofFitted = sizes.reduce((sum, size, at) => sum + 2 * (size - batches[at]!) ** 2 * width, 0);
  const ofOthers = sizes.reduce((sum, size, at) => sum + 2 * size * batches[at]! * width, 0);
  const surrogates = (60 * 61) / 2;
  return {
    before: (surrogates * (advanced(f + h) + gram(f + h) + advanced(h) + gram(h))) / 1e9,
    after: (surrogates * (advanced(h) + gram(h) + ofOthers) + 60 * sets * (advanced(f) + ofFitted)) / 1e9,
  };
}

function differenceOf(a: Pick<Similarity, 'trajectories'>, b: Pick<Similarity, 'trajectories'>): number {
  const flat = (of: unknown): number[] =>
    typeof of === 'object' && of !== null ? Object.values(of).flatMap(flat) : [Number(of)];
  const [first, second] = [flat(a.trajectories), flat(b.trajectories)];
  return first.reduce((most, value, at) => Math.max(most, Math.abs(value - second[at]!)), 0);
}
