/** What this process takes of the machine's memory, as Node tells it: native engines included. */
import type { MemoryMeter } from '../core/analysis/index.ts';

export const PROCESS_MEMORY: MemoryMeter = {
  now: () => process.memoryUsage.rss(),
  peak: () => process.resourceUsage().maxRSS * 1024,
};
