/**
 * Processor time of the planner on a problem of Qwen-Image's size: every interval twice, text groups, FFNs and modulations of three
 * ranks. Medians of several runs after one that compiles: `node --import ./scripts/sources.mjs bench/planner.ts`. With `--chromium` also by
 * the clock in a worker of Chromium, as the page solves it, the first time included.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from '@playwright/test';
import { build } from 'esbuild';
import { Planner } from '../lib/core/planner/index.ts';
import { largeProblem } from '../lib/core/planner/large-problem.ts';
import { ensureChromium } from '../scripts/chromium.mjs';

const { values: options } = parseArgs({ options: { chromium: { type: 'boolean', default: false } } });
const RUNS = 9;

/** Runs in the worker. */
const WORKER = `
  import { Planner } from './lib/core/planner/index.ts';
  import { largeProblem } from './lib/core/planner/large-problem.ts';
  const problem = largeProblem();
  const times = { 'set up, and the best plan of half the saving': [], 'set up, and a front of a hundred budgets': [] };
  const timed = (name, work) => {
    const begun = performance.now();
    work(new Planner(problem));
    times[name].push(performance.now() - begun);
  };
  for (let run = 0; run < ${RUNS}; run++) {
    timed('set up, and the best plan of half the saving', (planner) => planner.best(planner.most.saves / 2));
    timed('set up, and a front of a hundred budgets', (planner) => planner.frontAt(100));
  }
  postMessage(times);
`;

function medianSeconds(work: () => void): string {
  const times = Array.from({ length: RUNS + 1 }, () => {
    const begun = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(begun);
    return (user + system) / 1e6;
  });
  return `${times
    .slice(1)
    .sort((a, b) => a - b)
    [(RUNS - 1) / 2]!.toFixed(3)} s`;
}

const problem = largeProblem();
const planner = new Planner(problem);
const { saves } = planner.most;
console.log('| sixty blocks, all kinds of edit | processor time |\n| --- | --- |');
console.log(
  `| edges: ${problem.spans.length} spans, ${problem.choices.length} choices; set up | ${medianSeconds(() => new Planner(problem))} |`,
);
console.log(`| a front of a hundred budgets | ${medianSeconds(() => planner.frontAt(100))} |`);
console.log(`| the best plan of half the saving | ${medianSeconds(() => planner.best(saves / 2))} |`);

if (options.chromium) {
  const times = await inChromium();
  console.log('\n| in a worker of Chromium, by the clock | first | median | longest |\n| --- | --- | --- | --- |');
  for (const [name, all] of Object.entries(times)) {
    const sorted = all.toSorted((a, b) => a - b);
    const [median, last] = [sorted[sorted.length >> 1]!, sorted.at(-1)!];
    console.log(`| ${name} | ${[all[0]!, median, last].map((ms) => `${ms.toFixed(0)} ms`).join(' | ')} |`);
  }
}

/** Milliseconds of each run, in their order. */
async function inChromium(): Promise<Record<string, number[]>> {
  const bundled = await build({
    stdin: { contents: WORKER, resolveDir: fileURLToPath(new URL('..', import.meta.url)), loader: 'ts' },
    bundle: true,
    write: false,
    format: 'iife',
    minify: true,
  });
  const browser = await chromium.launch({ executablePath: ensureChromium(), args: ['--no-sandbox'] });
  try {
    const page = await browser.newPage();
    return await page.evaluate(
      (source) =>
        new Promise<Record<string, number[]>>((resolve, reject) => {
          const worker = new Worker(URL.createObjectURL(new Blob([source])));
          worker.onmessage = ({ data }) => resolve(data);
          worker.onerror = ({ message }) => reject(new Error(message));
        }),
      bundled.outputFiles[0]!.text,
    );
  } finally {
    await browser.close();
  }
}
