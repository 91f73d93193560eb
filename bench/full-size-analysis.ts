/**
 * A checkpoint of exactly Qwen-Image's shapes (60 blocks, 20.43 B parameters, BF16, 41 GB in nine shards), its bytes noise from
 * a seed that a local server makes on the fly, analysed from the terminal: peak memory, time, where the time goes, and with
 * `--kill` the same once more, killed half-way and resumed, with the reports compared.
 *
 *   node --import ./scripts/sources.mjs bench/full-size-analysis.ts --blocks 15,30,60 --memory 8GB --out FOLDER [--kill]
 *     [--samples 8] [--timesteps 8] [--tokens 1024] [--damage-samples 2] [--damage-intervals 2] [--engine tensorflow]
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
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
    'damage-intervals': { type: 'string', default: '2' },
    engine: { type: 'string', default: 'tensorflow' },
    kill: { type: 'boolean', default: false },
  },
});

const out = resolve(values.out);
await mkdir(out, { recursive: true });
console.log('| blocks | what | time | peak memory | read | on disk | where the time goes |');
console.log('|---|---|---|---|---|---|---|');
for (const blocks of values.blocks.split(',').map(Number)) {
  const files = publishedShape({ blocks, seed: 7 });
  const server = await startSourceServer(files);
  const states = join(out, `states-${blocks}`);
  try {
    await rm(states, { recursive: true, force: true });
    const whole = await analyse(server, blocks, states, `whole-${blocks}.json`);
    row(blocks, 'whole', whole);
    if (!values.kill) continue;
    await rm(states, { recursive: true, force: true });
    const killed = await analyse(
      server,
      blocks,
      states,
      `resumed-${blocks}.json`,
      (line) => /^capture: (\d+)/.test(line) && Number(/^capture: (\d+)/.exec(line)?.[1]) >= blocks / 2,
    );
    row(blocks, 'killed (kill -9) half-way through the capture', killed);
    const resumed = await analyse(server, blocks, states, `resumed-${blocks}.json`);
    row(blocks, 'resumed', resumed);
    const same = figuresOf(whole.report) === figuresOf(resumed.report);
    console.log(`${blocks} blocks: the resumed report ${same ? 'is the same to the bit' : 'DIFFERS'}`);
  } finally {
    await server.close();
  }
}

interface Measured {
  readonly seconds: number;
  readonly peakBytes: number;
  readonly readBytes: number;
  readonly storedBytes: number;
  readonly report: Record<string, unknown> | null;
}

async function analyse(
  server: Awaited<ReturnType<typeof startSourceServer>>,
  blocks: number,
  states: string,
  name: string,
  killAt?: (line: string) => boolean,
): Promise<Measured> {
  const report = join(out, name);
  await rm(report, { force: true });
  server.sentBytes = 0;
  server.asked.length = 0;
  const startedAt = performance.now();
  const options = (
    ['memory', 'samples', 'timesteps', 'tokens', 'damage-samples', 'damage-intervals', 'engine'] as const
  ).flatMap((option) => [`--${option}`, values[option]]);
  const child = spawn(process.execPath, [BIN, 'analyse', server.url, ...options, '--states', states, '--out', report], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let peakBytes = 0;
  const poll = setInterval(async () => {
    peakBytes = Math.max(peakBytes, await peakOfTree(child));
  }, 500);
  let rest = '';
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', async (text: string) => {
    const lines = (rest + text).split(/[\r\n]/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      console.error(`  ${blocks}: ${line}`);
      if (!killAt?.(line)) continue;
      for (const pid of await treeOf(child)) process.kill(pid, 'SIGKILL');
    }
  });
  const code = await new Promise((done) => child.once('close', done));
  clearInterval(poll);
  if (code !== 0 && !killAt) throw new Error(`The analysis ended with ${code}`);
  return {
    seconds: (performance.now() - startedAt) / 1000,
    peakBytes,
    readBytes: server.sentBytes,
    storedBytes: await sizeOf(states),
    report: killAt ? null : JSON.parse(await readFile(report, 'utf8')),
  };
}

function row(blocks: number, what: string, { seconds, peakBytes, readBytes, storedBytes, report }: Measured): void {
  const stages = Object.entries((report?.stagesMs ?? {}) as Record<string, number>)
    .map(([stage, ms]) => `${stage} ${Math.round(ms / 1000)} s`)
    .join(', ');
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(2)} GB`;
  console.log(
    `| ${blocks} | ${what} | ${Math.round(seconds)} s | ${gigabytes(peakBytes)} | ${gigabytes(readBytes)} | ${gigabytes(storedBytes)} | ${stages} |`,
  );
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

/** Highest resident memory so far, of the process of the tree that has the most. */
async function peakOfTree(child: ChildProcess): Promise<number> {
  let peak = 0;
  for (const pid of await treeOf(child)) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    peak = Math.max(peak, 1024 * Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0));
  }
  return peak;
}

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return bytes;
}
