/** Reads inputs one by one for main.ts, in a process that may crash or hang. */
import { runCase } from './run-case.ts';

interface Asked {
  readonly seed: number;
  readonly index: number;
  readonly kind?: string;
}

process.on('message', async ({ seed, index, kind }: Asked) => {
  const outcome = await runCase(seed, index, kind);
  process.send?.({ ...outcome, peakBytes: process.resourceUsage().maxRSS * 1024 });
});
process.send?.('ready');
