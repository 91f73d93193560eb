/**
 * Processor time of the planner on a problem of Qwen-Image's size: every interval twice, text groups, FFNs and modulations of three
 * ranks. Medians of several runs after one that compiles: `node --import ./scripts/sources.mjs bench/planner.ts`
 */
import { Planner } from '../lib/core/planner/index.ts';
import { largeProblem } from '../lib/core/planner/large-problem.ts';

const RUNS = 9;

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
