/** A contestant's side of bench/contestants.ts: an engine started, then lines of standard input answered with times. */
import { createInterface } from 'node:readline';
import { nodeEngines } from '../lib/compute/engines/node-engines.ts';
import type { EngineName } from '../lib/core/tensor/index.ts';
import type { Times } from './contestants.ts';

const ENGINES: readonly EngineName[] = ['tensorflow', 'webgpu', 'wasm', 'cpu'];

/** Whoever asked is told why the process ends: its last line on stderr. */
function stop(reason: string): never {
  console.error(reason.split('\n', 1)[0]);
  process.exit(1);
}

export async function startEngine(name: string | undefined): Promise<void> {
  const wanted = ENGINES.find((one) => one === name);
  if (!wanted) stop(`No engine ${name}; there are ${ENGINES.join(', ')}`);
  const engines = nodeEngines();
  engines.onLost(stop);
  const { device } = await engines.start(wanted).catch((thrown) => stop(String(thrown)));
  console.error(`${wanted}: ${device}`);
}

/** `step` does what is timed and returns numbers to compare, of which those of the last step are told. */
export async function answerTurns(
  step: (what: string) => Promise<readonly number[]>,
  afterwards: () => Promise<void> = async () => {},
): Promise<void> {
  try {
    for await (const line of createInterface({ input: process.stdin })) {
      const [steps, ...what] = line.split(' ');
      const [wallMs, cpuMs]: [number[], number[]] = [[], []];
      let values: readonly number[] = [];
      for (let i = 0; i < Number(steps); i++) {
        const startedAt = performance.now();
        const cpuBefore = process.cpuUsage();
        values = await step(what.join(' '));
        const { user, system } = process.cpuUsage(cpuBefore);
        wallMs.push(performance.now() - startedAt);
        cpuMs.push((user + system) / 1000);
      }
      await afterwards();
      console.log(JSON.stringify({ wallMs, cpuMs, values: [...values] } satisfies Times));
    }
    // Dawn keeps a process alive that has nothing left to do.
    process.exit();
  } catch (thrown) {
    stop(thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown));
  }
}
