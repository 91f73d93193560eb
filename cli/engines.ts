/** `contigua engines`: what can compute here, on which device, and why or why not; the first line is what `auto` takes. */

import { startComputeProcess } from '../lib/compute/node-process.ts';
import { printable } from '../lib/core/printable.ts';
import { ENGINE_OPTION, ENGINES, parseOptions, usage } from './arguments.ts';
import type { CommandContext } from './command.ts';
import { environmentFor } from './model-worker.ts';
import { writeText } from './output.ts';

export async function engines(argv: readonly string[], { signal }: CommandContext): Promise<void> {
  const { positionals, ...args } = parseOptions('engines', argv, { json: { type: 'boolean' }, ...ENGINE_OPTION });
  if (positionals.length > 0) throw usage('engines', 'It takes no argument', positionals.join(' '));
  const wanted = args.oneOf('engine', ENGINES, 'auto');
  const { client } = startComputeProcess({ env: environmentFor(wanted) });
  try {
    const report = await client.call('startEngine', { wanted }, { signal });
    const check = await client.call('verifyEngine', {}, { signal });
    if (args.flag('json')) {
      await writeText(undefined, `${JSON.stringify({ ...report, check }, null, 2)}\n`);
      return;
    }
    const { name, device, why, candidates } = report;
    const error = `off by ${check.maxAbsError.toExponential(1)} from the reference, at most ${check.tolerance.toExponential(0)} allowed`;
    const lines = candidates.map(
      (one) =>
        `  ${one.name.padEnd(11)} ${one.available ? 'yes' : 'no '}  ${[one.device, one.reason].filter(Boolean).join('. ')}`,
    );
    const shown = [`${name} (${device}). ${why}`, `  checked: ${error}`, ...lines];
    await writeText(undefined, `${shown.map((line) => printable(line)).join('\n')}\n`);
  } finally {
    client.close();
  }
}
