import { describe, expect, it } from 'vitest';
import { seededRandom } from '../random.ts';
import type { SplitRule } from '../report/report.ts';
import { fitBlockProbe } from './fit-probes.ts';
import { type SplitSamples, splitRows } from './held-out.ts';
import { judgedRows } from './judged-rows.ts';
import { Pace } from './pace.ts';

const rowsOf = (samples: number, tokens: number) =>
  Uint32Array.from({ length: samples * tokens }, (_, i) => Math.floor(i / tokens));

/** Prompts at all timesteps; five image tokens and three of text in each sample. */
function crossed(prompts: number, timesteps: number): SplitSamples {
  const samples = prompts * timesteps;
  return {
    rows: { image: rowsOf(samples, 5), text: rowsOf(samples, 3) },
    groups: Uint32Array.from({ length: samples }, (_, sample) => Math.floor(sample / timesteps)),
    levels: Float64Array.from({ length: samples }, (_, sample) => (sample % timesteps) / timesteps),
  };
}

describe('splitting rows', () => {
  it('follows whole prompts, the same in all streams, and states what it did', () => {
    const { fit, heldOut, heldOutSamples, facts } = splitRows(crossed(8, 4));
    expect(heldOutSamples).toHaveLength(8);
    expect([fit.image!.length, heldOut.image!.length]).toEqual([24 * 5, 8 * 5]);
    expect(new Set([...heldOut.text!].map((row) => Math.floor(row / 3)))).toEqual(new Set(heldOutSamples));
    expect([...fit.text!, ...heldOut.text!].sort((a, b) => a - b)).toEqual([...rowsOf(96, 1).keys()]);
    expect(facts).toEqual({
      rule: 'prompt-groups',
      seed: 1,
      share: 0.25,
      groups: 8,
      heldOutGroups: 2,
      timesteps: [0, 0.25, 0.5, 0.75].map((timestep) => ({
        timestep,
        samples: 8,
        heldOut: 2,
        tokens: { image: { all: 40, heldOut: 10 }, text: { all: 24, heldOut: 6 } },
      })),
    });
  });

  it('leaves all of one prompt to the fit', () => {
    const { fit, heldOut, heldOutSamples, facts } = splitRows(crossed(1, 4));
    expect([heldOutSamples, heldOut.image!.length, fit.image!.length]).toEqual([[], 0, 20]);
    expect(facts).toMatchObject({ groups: 1, heldOutGroups: 0 });
  });

  it('does not count a sample that has no token of a stream', () => {
    const samples = crossed(8, 2);
    const text = samples.rows.text!.filter((sample) => sample !== 3);
    const { fit, heldOut } = splitRows({ ...samples, rows: { ...samples.rows, text } });
    expect(fit.text!.length + heldOut.text!.length).toBe(15 * 3);
  });

  it('as versions 1 and 2 did holds the samples out that they did', () => {
    const { heldOutSamples, facts } = splitRows(crossed(2, 8), 'golden-ratio');
    expect(heldOutSamples).toEqual([1, 4, 9, 12]);
    expect(facts).toEqual({ rule: 'golden-ratio', share: 0.25 });
  });
});

describe('a probe of text states that name the prompt and say nothing else', () => {
  const WIDTH = 24;
  const samples = crossed(8, 8);
  // Every prompt has a state of its own, and an update that nothing in it tells.
  const random = seededRandom(3);
  const vectors = Array.from({ length: 16 }, () => Float32Array.from({ length: WIDTH }, () => random.normal()));
  const rows = samples.rows.text!;
  const input = new Float32Array(rows.length * WIDTH);
  const output = new Float32Array(rows.length * WIDTH);
  for (const [row, sample] of rows.entries()) {
    const prompt = samples.groups[sample]!;
    for (let j = 0; j < WIDTH; j++) {
      input[row * WIDTH + j] = vectors[prompt]![j]! + 1e-3 * random.normal();
      output[row * WIDTH + j] = input[row * WIDTH + j]! + vectors[8 + prompt]![j]!;
    }
  }
  const r2 = async (rule: SplitRule) => {
    const streams = [{ id: 'text', label: 'text', input: 'encoder_hidden_states' }] as const;
    const block = { updates: ['text'] } as unknown as Parameters<typeof fitBlockProbe>[0];
    const around = () => [input, output] as const;
    const split = splitRows(samples, rule);
    const judged = judgedRows(samples, split);
    const probe = await fitBlockProbe(block, streams, around, WIDTH, split, 1e-8, new Pace(), judged);
    return probe.quality.text!.r2!;
  };

  it('knows them all where prompts are on both sides', async () => {
    expect(await r2('golden-ratio')).toBeGreaterThan(0.99);
  });

  it('knows nothing of prompts that are held out', async () => {
    expect(await r2('prompt-groups')).toBeLessThan(0.1);
  });
});
