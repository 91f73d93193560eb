/**
 * How far minibatch CKA (lib/core/analysis/gram-batches.ts) is from CKA over all rows at once: the largest difference over all pairs of
 * the image states of a trace, for batches of at most so many rows. Without a trace, one is made (large-trace-file.ts).
 *
 *   npx contigua capture public/models/shapes-mmdit --out FOLDER --rows 4096
 *   node --import ./scripts/sources.mjs bench/minibatch-cka.ts FOLDER/trace.safetensors [--rows 2048,4096] [--batches 128,512]
 *   node --import ./scripts/sources.mjs bench/minibatch-cka.ts --heads 4 --blocks 16 [--rows 2048,4096]
 */
import { openAsBlob } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { nodeEngines } from '../lib/compute/engines/node-engines.ts';
import { CentredStates } from '../lib/core/analysis/centred-states.ts';
import { rowBatches } from '../lib/core/analysis/gram-batches.ts';
import { GramFigures } from '../lib/core/analysis/gram-figures.ts';
import { Pace } from '../lib/core/analysis/pace.ts';
import { pickRows } from '../lib/core/analysis/pick-rows.ts';
import { StreamSimilarity } from '../lib/core/analysis/similarity.ts';
import { sampledRows } from '../lib/core/capture/index.ts';
import type { Matrix } from '../lib/core/report/report.ts';
import { openTrace, type Trace, traceStates } from '../lib/core/trace/index.ts';
import { writeLargeTrace } from './large-trace-file.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rows: { type: 'string', default: '2048,4096' },
    batches: { type: 'string', default: '128,512' },
    heads: { type: 'string', default: '4' },
    blocks: { type: 'string', default: '16' },
    engine: { type: 'string', default: 'auto' },
  },
});
const numbers = (text: string) => text.split(',').map(Number);
const STREAM = 'image';

await nodeEngines().start(values.engine as 'auto');
const folder = await mkdtemp(join(tmpdir(), 'minibatch-'));
try {
  console.log('| width | tokens | batches | debiased | biased |');
  console.log('|---|---|---|---|---|');
  for (const rows of numbers(values.rows)) await measure(await traceOf(rows), rows);
} finally {
  await rm(folder, { recursive: true });
}
process.exit(0);

async function traceOf(rows: number): Promise<Trace> {
  const path = positionals[0] ?? join(folder, `${rows}.safetensors`);
  if (!positionals[0]) {
    await writeLargeTrace(path, {
      blocks: Number(values.blocks),
      rows,
      heads: Number(values.heads),
      dtype: 'F32',
      seed: 1,
      isMassive: false,
    });
  }
  return await openTrace({ path, blob: await openAsBlob(path) });
}

async function measure(trace: Trace, rows: number): Promise<void> {
  const { width } = trace.model;
  const taken = sampledRows(trace.samples, rows).taken?.[STREAM];
  const states: Float32Array[] = [];
  for await (const { states: of } of traceStates(trace, { from: -1 })) {
    const state = of[STREAM]!;
    states.push(taken && taken.length < state.length / width ? pickRows(state, width, Uint32Array.from(taken)) : state);
  }
  const count = states[0]!.length / width;
  const blocks = states.length - 1;
  const exact = new StreamSimilarity(states, count, width);
  const whole = await exact.compareStates(new Pace()).finally(() => exact.dispose());
  for (const most of numbers(values.batches)) {
    const batches = rowBatches(count, 2 * most);
    const updated = Array<boolean>(blocks).fill(true);
    const figures = new GramFigures({ blocks, rows: count, width, updated, resampling: null }, batches);
    for (const [index, state] of states.entries()) {
      const x = new CentredStates([state], count, width).tensor(0);
      await figures.addState(index, x, false).finally(() => x.dispose());
    }
    const { cka } = figures.result().similarity;
    const [debiased, biased] = [furthest(cka.debiased, whole.debiased), furthest(cka.biased, whole.biased)];
    const size = Math.max(...batches.map(({ length }) => length));
    console.log(
      `| ${width} | ${count.toLocaleString('en')} | ${batches.length} of ${size} | ${shown(debiased)} | ${shown(biased)} |`,
    );
  }
}

function shown(difference: number): string {
  return Number(difference.toPrecision(2)).toFixed(5);
}

function furthest(a: Matrix, b: Matrix): number {
  return Math.max(...a.flatMap((row, i) => row.map((value, j) => Math.abs((value ?? 0) - (b[i]?.[j] ?? 0)))));
}
