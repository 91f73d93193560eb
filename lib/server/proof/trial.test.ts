import { describe, expect, it } from 'vitest';
import { runTrial } from './trial.ts';

describe('the product under faults of every kind', () => {
  // The long trial is `npm run proof`.
  it('loses nothing that was acknowledged, and leaves nothing behind', { timeout: 1_800_000 }, async () => {
    const lines: string[] = [];
    const result = await runTrial({ seed: 8, faults: 16, longStopMs: 6_000, say: (line) => lines.push(line) }).catch(
      (thrown: unknown) => {
        console.error(lines.join('\n'));
        throw thrown;
      },
    );
    for (const [name, reason] of result.skipped) console.error(`SKIPPED: ${name}. ${reason}`);
    console.log([...result.inflicted].map(([name, times]) => `${name}: ${times}`).join('; '));
    for (const [name, times] of result.inflicted) expect(times, name).toBeGreaterThan(0);
    expect(result.repeatedSteps).toBeGreaterThan(0);
  });
});
