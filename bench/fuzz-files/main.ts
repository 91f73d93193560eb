/**
 * Reads thousands of damaged files of every kind that the product reads, in a child process under watch: no crash, no hang,
 * no more memory than the limits say, and every refusal one that a person can read.
 * `npm run fuzz -- [--seed 1] [--count 10000] [--kind KIND] [--only INDEX] [--out fuzz-failures]`
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { filesOf, KINDS, type Outcome } from './run-case.ts';

/** CPU time of one input, which a busy machine does not stretch as it does the wall time. */
const MAX_CPU_MS = 2000;
/** A child that says nothing for this long hangs. */
const MAX_WALL_MS = 30_000;
/** Resident memory of the child. 2²¹ values of JSON and a header of 100 MB fit; the child alone takes 200 MB. */
const MAX_RESIDENT_BYTES = 1.5 * 2 ** 30;

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '10000' },
    only: { type: 'string' },
    kind: { type: 'string' },
    out: { type: 'string', default: 'fuzz-failures' },
  },
});
const { kind } = values;
if (kind !== undefined && !KINDS.includes(kind)) throw new RangeError(`--kind is one of ${KINDS.join(', ')}`);
const seed = Number(values.seed);
const indices =
  values.only === undefined ? Array.from({ length: Number(values.count) }, (_, index) => index) : [Number(values.only)];

interface Row {
  files: number;
  read: number;
  slowestMs: number;
  readonly codes: Map<string, number>;
}
const rows = new Map<string, Row>();
const failures: string[] = [];
let peakBytes = 0;
let child: ChildProcess | null = null;

const startedAt = performance.now();
for (const index of indices) {
  const ended = await readInChild(index);
  if (typeof ended === 'string') await fail(index, ended);
  else {
    record(ended);
    const fault = ended.wrong ?? ended.unclear;
    if (fault !== null) await fail(index, `${ended.kind}: ${fault}: ${ended.ended} ${ended.message}`);
    else if (ended.cpuMs > MAX_CPU_MS) await fail(index, `${ended.kind}: ${Math.round(ended.cpuMs)} ms`);
    if (ended.peakBytes > MAX_RESIDENT_BYTES) {
      await fail(index, `${ended.kind}: ${Math.round(ended.peakBytes / 1e6)} MB resident`);
      stop();
    }
  }
  if (values.only !== undefined) console.log(ended);
  if ((index + 1) % 1000 === 0) console.error(`${index + 1} files, ${failures.length} failures`);
}
stop();
printTable();
process.exitCode = failures.length > 0 ? 1 : 0;

type Ended = Outcome & { readonly peakBytes: number };

/** How reading ended, or the sentence of a crash or hang, after which the next input gets a new child. */
async function readInChild(index: number): Promise<Ended | string> {
  child ??= await started();
  const running = child;
  return await new Promise((resolve) => {
    const settle = (ended: Ended | string) => {
      clearTimeout(watchdog);
      running.off('message', settle);
      running.off('exit', crashed);
      if (typeof ended === 'string') stop();
      resolve(ended);
    };
    const crashed = (code: number | null, signal: string | null) => settle(`crash: exit ${code}, signal ${signal}`);
    const watchdog = setTimeout(() => settle(`hang: nothing for ${MAX_WALL_MS} ms`), MAX_WALL_MS);
    running.on('message', settle);
    running.on('exit', crashed);
    running.send({ seed, index, ...(kind === undefined ? {} : { kind }) });
  });
}

async function started(): Promise<ChildProcess> {
  const entry = fileURLToPath(new URL('child.ts', import.meta.url));
  const fresh = fork(entry, { execArgv: [...process.execArgv, '--max-old-space-size=1024'] });
  await new Promise((resolve, reject) => {
    fresh.once('message', resolve);
    fresh.once('exit', (code) => reject(new Error(`The child ended with ${code} before it began`)));
  });
  fresh.removeAllListeners('exit');
  return fresh;
}

function stop(): void {
  child?.kill('SIGKILL');
  child = null;
}

function record({ kind: ofKind, ended, cpuMs, peakBytes: peak }: Ended): void {
  const row = rows.get(ofKind) ?? { files: 0, read: 0, slowestMs: 0, codes: new Map<string, number>() };
  rows.set(ofKind, row);
  row.files += 1;
  if (ended === 'read') row.read += 1;
  else row.codes.set(ended, (row.codes.get(ended) ?? 0) + 1);
  row.slowestMs = Math.max(row.slowestMs, cpuMs);
  peakBytes = Math.max(peakBytes, peak);
}

/** Keeps the input, and the sentence with the command that reads it again. */
async function fail(index: number, sentence: string): Promise<void> {
  const told = `seed ${seed}, file ${index}: ${sentence}`;
  failures.push(told);
  console.error(told.slice(0, 400));
  const folder = join(values.out, `${seed}-${index}`);
  for (const [path, bytes] of Object.entries(filesOf(seed, index, kind))) {
    const target = join(folder, path.replaceAll('/', '_'));
    await mkdir(folder, { recursive: true });
    await writeFile(target, bytes);
  }
}

function printTable(): void {
  console.log('| kind | files | read | refused | slowest, CPU ms | refusals |\n|---|---:|---:|---:|---:|---|');
  for (const [rowKind, { files, read, slowestMs, codes }] of rows) {
    const told = [...codes].sort(([, x], [, y]) => y - x).map(([code, count]) => `${code} ${count}`);
    console.log(
      `| ${rowKind} | ${files} | ${read} | ${files - read} | ${Math.round(slowestMs)} | ${told.join(', ')} |`,
    );
  }
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  const peak = Math.round(peakBytes / 1e6);
  console.log(
    `\n${indices.length} files of seed ${seed} in ${seconds} s: ${failures.length} failures; at most ${peak} MB resident`,
  );
}
