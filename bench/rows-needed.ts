/**
 * How many tokens a held-out reading needs (lib/core/detection/rows-needed.ts): probes of the sample fitted on so many
 * samples, trajectories on so many others, eight draws of each, beside the same on many. Prints, per stream, how far `cka(u, k)`
 * lies from that of many rows and how it scatters from draw to draw, and how often two draws detect the same break.
 * `node --import ./scripts/sources.mjs bench/rows-needed.ts [--model public/models/shapes-mmdit] [--engine auto]`
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { nodeEngines } from '../lib/compute/engines/node-engines.ts';
import { nodeFiles } from '../lib/compute/folder/node-files.ts';
import { fitBlockProbe, StreamSimilarity } from '../lib/core/analysis/index.ts';
import { Pace } from '../lib/core/analysis/pace.ts';
import { DEFAULT_RIDGE } from '../lib/core/analysis/probe.ts';
import { calibrationFor, captureStates } from '../lib/core/capture/index.ts';
import { differences, lastBeforeBreak } from '../lib/core/detection/index.ts';
import { openModel } from '../lib/core/folder/open-model.ts';
import { openTransformer } from '../lib/core/model/index.ts';
import { seededRandom } from '../lib/core/random.ts';
import type { Matrix } from '../lib/core/report/index.ts';
import { WANTED_ENGINES } from '../lib/core/tensor/engine.ts';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'public/models/shapes-mmdit' },
    engine: { type: 'string', default: 'auto' },
    samples: { type: 'string', default: '512' },
    draws: { type: 'string', default: '8' },
    fit: { type: 'string', default: '6,12,24,48,96,192' },
    'held-out': { type: 'string', default: '2,4,8,16,32,64' },
  },
});
const numbers = (text: string) => text.split(',').map(Number);
const [samples, draws] = [Number(values.samples), Number(values.draws)];

await nodeEngines().start(WANTED_ENGINES.find((name) => name === values.engine) ?? 'auto');
const files = await nodeFiles.openFolder(pathToFileURL(resolve(values.model)).href);
const model = await openModel({ files, name: values.model });
const transformer = await openTransformer(model.config, model.checkpoint);
const { blocks, streams } = transformer.architecture;
const { width, numBlocks } = transformer.config;
const calibration = await calibrationFor(model, { kind: 'shapes', samples, timesteps: 8, seed: 3 });
const states: Record<string, Float32Array[]> = Object.fromEntries(streams.map(({ id }) => [id, []]));
for await (const captured of captureStates(transformer, calibration)) {
  for (const { id } of streams) states[id]!.push(captured.states[id]!);
}

const random = seededRandom(5);
const pace = new Pace();

/** Rows of each stream that are of these samples. */
const rowsOf = (chosen: ReadonlySet<number>) =>
  Object.fromEntries(
    Object.entries(calibration.rows).map(([id, of]) => [
      id,
      Uint32Array.from(of.keys()).filter((row) => chosen.has(of[row]!)),
    ]),
  );

/** `count` samples for the fit and as many others as are asked for, every level alike. */
function drawn(fit: number, heldOut: number) {
  const order = Array.from({ length: samples }, (_, sample) => sample);
  for (let i = samples - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return { fit: rowsOf(new Set(order.slice(0, fit))), heldOut: rowsOf(new Set(order.slice(fit, fit + heldOut))) };
}

interface Reading {
  /** `cka(u, k)`, debiased, the default reading, of each stream and of their mean. */
  readonly cka: Readonly<Record<string, Matrix>>;
  readonly rows: Readonly<Record<string, readonly [fit: number, heldOut: number]>>;
}

async function read(fit: number, heldOut: number): Promise<Reading> {
  const split = drawn(fit, heldOut);
  const probes = [];
  for (const block of blocks) {
    const around = (id: string) => [states[id]![block.index]!, states[id]![block.index + 1]!] as const;
    probes.push((await fitBlockProbe(block, streams, around, width, split, DEFAULT_RIDGE, pace)).maps);
  }
  const cka: Record<string, Matrix> = {};
  for (const { id } of streams) {
    const rows = split.heldOut[id]!;
    const picked = states[id]!.map((state) => {
      const values = new Float32Array(rows.length * width);
      for (const [i, row] of rows.entries()) values.set(state.subarray(row * width, (row + 1) * width), i * width);
      return values;
    });
    const updated = blocks.map(({ updates }) => updates.includes(id));
    const similarity = new StreamSimilarity(picked, rows.length, width, { updated });
    await similarity.compareStates(pace);
    const followed = await similarity.followSurrogates(
      probes.map((maps) => maps[id] ?? null),
      pace,
    );
    similarity.dispose();
    cka[id] = followed.debiased['block-u/teacher-after-k'];
  }
  const rows = streams.map(({ id }) => [id, [split.fit[id]!.length, split.heldOut[id]!.length] as const] as const);
  return { cka, rows: Object.fromEntries(rows) };
}

/** All `cka(u, k)` with k > u, `null` where there is none. */
const entriesOf = (matrix: Matrix) =>
  matrix.flatMap((row, u) => row.flatMap((value, k) => (k > u && value !== null ? [value] : [])));
const breaksOf = (matrix: Matrix) => matrix.slice(0, -1).map((row, u) => lastBeforeBreak(differences(row), u));
const mean = (of: readonly number[]) => of.reduce((a, b) => a + b, 0) / of.length;
const rms = (of: readonly number[]) => Math.sqrt(mean(of.map((value) => value ** 2)));

function scatter(readings: readonly Matrix[], reference: Matrix) {
  const entries = readings.map(entriesOf);
  const many = entriesOf(reference);
  const means = many.map((_, i) => mean(entries.map((of) => of[i]!)));
  const sd = rms(means.map((m, i) => Math.sqrt((mean(entries.map((of) => (of[i]! - m) ** 2)) * draws) / (draws - 1))));
  const off = mean(means.map((m, i) => m - many[i]!));
  const breaks = readings.map(breaksOf);
  const pairs = breaks.flatMap((a, i) =>
    breaks.slice(i + 1).map((b) => mean(a.map((end, u) => (end === b[u] ? 1 : 0)))),
  );
  const kept = mean(breaks.map((a) => mean(a.map((end, u) => (end === breaksOf(reference)[u] ? 1 : 0)))));
  return { sd, off, agree: mean(pairs), kept };
}

const most = await read(Math.floor(samples / 2), Math.floor(samples / 2));
console.log(
  `${values.model}: width ${width}, ${numBlocks} blocks; ${draws} draws each, beside ${JSON.stringify(most.rows)} rows\n`,
);
console.log(
  '| stream | fitted rows / width | held-out rows / width | scatter of cka(u, k) | off by | same break in two draws | as on many rows |',
);
console.log('|---|---|---|---|---|---|---|');
for (const fit of numbers(values.fit)) {
  for (const heldOut of numbers(values['held-out'])) {
    const readings: Reading[] = [];
    for (let i = 0; i < draws; i++) readings.push(await read(fit, heldOut));
    for (const { id } of streams) {
      const { sd, off, agree, kept } = scatter(
        readings.map(({ cka }) => cka[id]!),
        most.cka[id]!,
      );
      const ratio = (part: 0 | 1) => (mean(readings.map(({ rows }) => rows[id]![part])) / width).toFixed(2);
      const cells = [id, ratio(0), ratio(1), sd.toFixed(4), off.toFixed(4), percent(agree), percent(kept)];
      console.log(`| ${cells.join(' | ')} |`);
    }
  }
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
