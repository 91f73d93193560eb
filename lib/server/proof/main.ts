/**
 * `npm run proof -- [--faults 100] [--seed 1] [--stop-seconds 180] [--only NAME]`: inflicts faults on runs of the product
 * (trial.ts) and prints what was inflicted and what held. Ends with 1 where anything was lost; the same seed draws the same
 * faults in the same order.
 */
import { parseArgs } from 'node:util';
import { FAULTS } from './faults/index.ts';
import { runTrial } from './trial.ts';

const { values } = parseArgs({
  options: {
    faults: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    'stop-seconds': { type: 'string', default: '180' },
    only: { type: 'string' },
  },
});
const { only } = values;
// An exit takes the mount away; the hosts end with their parent.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
const startedAt = Date.now();
const result = await runTrial({
  seed: Number(values.seed),
  faults: Number(values.faults),
  longStopMs: Number(values['stop-seconds']) * 1000,
  kinds: only === undefined ? FAULTS : FAULTS.filter(({ name }) => name.includes(only)),
  say: (line) => console.error(line),
});
const width = Math.max(...[...result.inflicted.keys(), ...result.skipped.keys()].map((name) => name.length));
console.log(`\n${'fault'.padEnd(width)}  times`);
for (const [name, times] of result.inflicted) console.log(`${name.padEnd(width)}  ${times}`);
for (const [name, reason] of result.skipped) console.log(`${name.padEnd(width)}  skipped: ${reason}`);
console.log(
  `\nseed ${values.seed}: ${result.runs} runs, ${result.events} events and ${result.steps} steps, ${result.repeatedSteps} of them repeated, ` +
    `in ${Math.round((Date.now() - startedAt) / 1000)} s.\n` +
    'Every acknowledged run, event and checkpoint is there, the weights equal those of an undisturbed run to the bit, and ' +
    'no process, scratch file or stored file is orphaned.',
);
