/**
 * A checkpoint of exactly Qwen-Image's shapes (60 blocks, 20.43 B parameters, BF16, 41 GB in nine shards), its bytes noise from
 * a seed that a local server makes on the fly, analysed from the terminal: peak memory, time by the clock and of the processor,
 * where it goes, how that compares with the estimate before it, and with `--kill` the same once more, killed half-way and
 * resumed, with the reports compared. What was measured is kept in the folder: `--table` alone prints it again.
 *
 *   node --import ./scripts/sources.mjs bench/full-size-analysis.ts --blocks 15,30,60 --memory 8GB --out FOLDER [--kill]
 *     [--samples 8] [--timesteps 8] [--tokens 1024] [--damage-samples 2] [--damage-intervals 3-5,8-9] [--engine tensorflow] [--table]
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { publishedShape } from '../lib/testing/published-shape.ts';
import { startSourceServer } from '../lib/testing/source-server.ts';

const BIN = fileURLToPath(new URL('../bin/contigua.mjs', import.meta.url));

const { values } = parseArgs({
  options: {
    blocks: { type: 'string', default: '60' },
    out: { type: 'string', default: 'bench-full-size' },
    memory: { type: 'string', default: '8GB' },
    samples: { type: 'string', default: '8' },
    timesteps: { type: 'string', default: '8' },
    tokens: { type: 'string', default: '1024' },
    'damage-samples': { type: 'string', default: '2' },
    'damage-intervals': { type: 'string', default: '3-5,8-9' },
    engine: { type: 'string', default: 'tensorflow' },
    kill: { type: 'boolean', default: false },
    table: { type: 'boolean', default: false },
  },
});

const out = resolve(values.out);
await mkdir(out, { recursive: true });
for (const blocks of values.table ? [] : values.blocks.split(',').map(Number)) {
  const server = await startSourceServer(publishedShape({ blocks, seed: 7 }));
  const states = join(out, `states-${blocks}`);
  try {
    await rm(states, { recursive: true, force: true });
    const whole = await analyse(server, blocks, states, 'whole');
    if (values.kill) {
      await rm(states, { recursive: true, force: true });
      await analyse(server, blocks, states, 'killed', (captured) => captured >= blocks / 2);
      const resumed = await analyse(server, blocks, states, 'resumed');
      const same = figuresOf(whole.report) === figuresOf(resumed.report);
      console.log(`${blocks} blocks: the resumed report ${same ? 'is the same to the bit' : 'DIFFERS'}`);
    }
    await rm(states, { recursive: true, force: true });
  } finally {
    await server.close();
  }
}
printTable(await storedRuns());

/** What one analysis took. */
interface Measured {
  readonly blocks: number;
  readonly what: 'whole' | 'killed' | 'resumed';
  readonly seconds: number;
  /** Of all threads of the command, without the server's. */
  readonly processorSeconds: number;
  /** Of these, until the estimate was there. */
  readonly estimateSeconds: number;
  readonly peakBytes: number;
  readonly readBytes: number;
  readonly storedBytes: number;
  readonly stagesMs: Readonly<Record<string, number>>;
  /** Lines of the estimate, as the command wrote them. */
  readonly estimate: readonly string[];
  /** Runnable processes, on the average. */
  readonly load: number;
}

async function analyse(
  server: Awaited<ReturnType<typeof startSourceServer>>,
  blocks: number,
  states: string,
  what: Measured['what'],
  killAt?: (captured: number) => boolean,
): Promise<Measured & { readonly report: Record<string, unknown> | null }> {
  const name = join(out, `report-${what}-${blocks}.json`);
  await rm(name, { force: true });
  server.sentBytes = 0;
  server.asked.length = 0;
  const startedAt = performance.now();
  const options = (
    ['memory', 'samples', 'timesteps', 'tokens', 'damage-samples', 'damage-intervals', 'engine'] as const
  ).flatMap((option) => [`--${option}`, values[option]]);
  const child = spawn(process.execPath, [BIN, 'analyse', server.url, ...options, '--states', states, '--out', name], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let peakBytes = 0;
  let estimateSeconds = 0;
  const processor = new Map<number, number>();
  const loads: number[] = [];
  const look = async () => {
    for (const pid of await treeOf(child)) {
      peakBytes = Math.max(peakBytes, await peakOf(pid));
      processor.set(pid, Math.max(processor.get(pid) ?? 0, await processorSecondsOf(pid)));
    }
    loads.push(loadavg()[0] ?? 0);
  };
  const poll = setInterval(look, 500);
  const estimate: string[] = [];
  let rest = '';
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', async (text: string) => {
    const lines = (rest + text).split(/[\r\n]/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      console.error(`  ${blocks}: ${line}`);
      if (line.startsWith('estimate:')) estimateSeconds = sumOf(processor.values());
      if (/^(estimate| {2}(tokens|memory|disk|damage)): /.test(line)) estimate.push(line.trim());
      const captured = Number(/^capture: (\d+)/.exec(line)?.[1] ?? 0);
      if (captured === 0 || !killAt?.(captured)) continue;
      for (const pid of await treeOf(child)) process.kill(pid, 'SIGKILL');
    }
  });
  const code = await new Promise((done) => child.once('close', done));
  clearInterval(poll);
  if (code !== 0 && !killAt) throw new Error(`The analysis ended with ${code}`);
  const report = killAt ? null : JSON.parse(await readFile(name, 'utf8'));
  const measured: Measured = {
    blocks,
    what,
    seconds: (performance.now() - startedAt) / 1000,
    processorSeconds: sumOf(processor.values()),
    estimateSeconds,
    peakBytes,
    readBytes: server.sentBytes,
    storedBytes: await sizeOf(states),
    stagesMs: report?.stagesMs ?? {},
    estimate,
    load: sumOf(loads) / loads.length,
  };
  await writeFile(join(out, `run-${what}-${blocks}.json`), JSON.stringify(measured));
  return { ...measured, report };
}

async function storedRuns(): Promise<Measured[]> {
  const names = (await readdir(out)).filter((name) => /^run-.*\.json$/.test(name));
  const runs: Measured[] = await Promise.all(
    names.map(async (name) => JSON.parse(await readFile(join(out, name), 'utf8'))),
  );
  const order = ['whole', 'killed', 'resumed'];
  return runs.toSorted((a, b) => a.blocks - b.blocks || order.indexOf(a.what) - order.indexOf(b.what));
}

function printTable(runs: readonly Measured[]): void {
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(2)} GB`;
  console.log(
    '| blocks | what | by the clock | processor | peak memory | read | on disk | by the clock, of these | load |',
  );
  console.log('|---|---|---|---|---|---|---|---|---|');
  for (const { blocks, what, seconds, processorSeconds, peakBytes, readBytes, storedBytes, stagesMs, load } of runs) {
    const stages = Object.entries(stagesMs).map(([stage, ms]) => `${stage} ${Math.round(ms / 1000)} s`);
    const cells = [
      blocks,
      what === 'killed' ? 'killed (`kill -9`) half-way through the capture' : what,
      `${Math.round(seconds)} s`,
      `${Math.round(processorSeconds)} s`,
      gigabytes(peakBytes),
      gigabytes(readBytes),
      gigabytes(storedBytes),
      stages.join(', '),
      load.toFixed(0),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
  for (const { blocks, what, estimate, estimateSeconds, stagesMs, peakBytes } of runs) {
    if (what !== 'whole') continue;
    const took = sumOf(Object.values(stagesMs)) / 1000;
    console.log(
      `${blocks} blocks, before it began (${Math.round(estimateSeconds)} s of processor): ${estimate.join('; ')}\n` +
        `${blocks} blocks, estimated / taken: time ${ratio(estimatedSeconds(estimate), took)} of ${Math.round(took)} s, ` +
        `peak memory ${ratio(estimatedPeak(estimate), peakBytes)} of ${gigabytes(peakBytes)}`,
    );
  }
}

function ratio(estimated: number, taken: number): string {
  return (estimated / taken).toFixed(2);
}

/** "estimate: about 3.2 min (…)": what the stages of the report take together. */
function estimatedSeconds(lines: readonly string[]): number {
  const [, number, unit = ''] = /about ([\d.]+) (s|min|h)\b/.exec(lines.join('\n')) ?? [];
  return Number(number) * ({ s: 1, min: 60, h: 3600 }[unit] ?? Number.NaN);
}

/** "memory: 2.6 GB at the peak, …" */
function estimatedPeak(lines: readonly string[]): number {
  const [, number, unit = ''] = /memory: ([\d.]+) (MB|GB)/.exec(lines.join('\n')) ?? [];
  return Number(number) * ({ MB: 1e6, GB: 1e9 }[unit] ?? Number.NaN);
}

function sumOf(values: Iterable<number>): number {
  return [...values].reduce((sum, value) => sum + value, 0);
}

/** Everything but times. */
function figuresOf(report: Record<string, unknown> | null): string {
  return JSON.stringify({ ...report, blockMs: null, stagesMs: null });
}

/** The processes of a command: itself and its children. */
async function treeOf({ pid }: ChildProcess): Promise<number[]> {
  const tree = [pid ?? -1];
  for (const parent of tree) {
    const children = await readFile(`/proc/${parent}/task/${parent}/children`, 'utf8').catch(() => '');
    tree.push(...children.split(' ').filter(Boolean).map(Number));
  }
  return tree;
}

/** Highest resident memory so far. */
async function peakOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return 1024 * Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0);
}

/** Linux counts a hundred ticks a second, whatever the kernel's own. */
async function processorSecondsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / 100;
}

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return bytes;
}
