/** Reads inputs one by one for main.ts, in a process that may crash or hang. */
import { runCase } from './run-case.ts';

process.on('message', async ({ seed, index }: { readonly seed: number; readonly index: number }) => {
  const outcome = await runCase(seed, index);
  process.send?.({ ...outcome, peakBytes: process.resourceUsage().maxRSS * 1024 });
});
process.send?.('ready');
