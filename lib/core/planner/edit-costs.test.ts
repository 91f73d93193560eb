import { describe, expect, it } from 'vitest';
import { runEdit, runEdits } from '../edit/index.ts';
import { parseLayerIndex } from '../interval/index.ts';
import { planCost } from '../plan/index.ts';
import { seededRandom } from '../random.ts';
import { parseBudget } from './budget.ts';
import { costScale, savingFor, savingsOf, unmet } from './edit-costs.ts';
import { exampleModel } from './planner-fixtures.ts';

const model = exampleModel(60);
const PUBLISHED =
  '[[3,4],[5,7],[8,10],[11,12],[15,24],[25,27],[29,30],[42,43],[45,47],[48,49],[52,53],[54,55],[56,57]]';
const published = parseLayerIndex(PUBLISHED, model, 'test');
const blockMs = Array.from({ length: 60 }, (_, i) => 10 + i);
const scaleOf = (budget: string) => costScale(parseBudget(budget, 'test'), model, { blockMs });
const left = (budget: string, edits = runEdits(published, 'nothing')) => {
  const scale = scaleOf(budget);
  return edits.reduce((rest, edit) => rest - scale.saves(edit), scale.before);
};

describe('costs of a plan', () => {
  it('are those of planCost for random plans, edit by edit', () => {
    const saved = savingsOf(model, blockMs);
    for (let seed = 0; seed < 40; seed++) {
      const random = seededRandom(seed);
      const first = random.integer(58);
      const by = (['nothing', 'probes', 'linear', 'student'] as const)[random.integer(4)]!;
      const edit = runEdit({ first, last: first + 1 + random.integer(59 - first) }, by);
      const cost = planCost(model, [edit], { steps: 1, forwardsPerStep: 1 });
      expect(saved(edit).parameters).toBe(cost.parameters.before - cost.parameters.after);
      expect(saved(edit).flops).toBe(cost.flopsPerForward.before - cost.flopsPerForward.after);
    }
  });

  it('are the published ones for the 13 intervals of Qwen-Image', () => {
    expect(left('params=12B')).toBe(11_934_618_688);
    expect(left('size=24GB')).toBe(2 * 11_934_618_688);
    expect(left('size=24GB@fp32')).toBe(4 * 11_934_618_688);
  });

  it('count the weights at the dtype and one forward’s activations as memory, and say so', () => {
    const { image = 0, text = 0 } = model.tokensPerForward;
    const activations = 10 * 3072 * (image + text);
    expect(left('memory=24GB@fp8')).toBe(11_934_618_688 + activations);
    expect(left('memory=24GB@bf16')).toBe(2 * (11_934_618_688 + activations));
    expect(scaleOf('memory=24GB@bf16').about).toMatch(/^Weights in bf16, and .* MB for the activations of one forward/);
  });

  it('count two forwards a step with guidance and one without', () => {
    const one = costScale({ kind: 'flops', dtype: null }, { ...model, embedsGuidance: true }, null);
    expect(scaleOf('flops=60%').before).toBe(2 * one.before);
    expect(one.before).toBe(planCost(model, [], { steps: 1, forwardsPerStep: 1 }).flopsPerForward.before);
  });

  it('take time from what the report measured, where a probe has its share of its block’s operations', () => {
    const [removed, probed] = (['nothing', 'probes'] as const).map((by) =>
      scaleOf('time=1s').saves(runEdit({ first: 3, last: 5 }, by)),
    );
    expect(removed).toBeCloseTo(2 * (14 + 15), 9);
    expect(probed).toBeLessThan(removed!);
    expect(probed).toBeGreaterThan(0.9 * removed!);
    const time = { kind: 'time', dtype: null } as const;
    expect(() => costScale(time, model, { blockMs: [1, null] })).toThrow(/needs the time of every block.*without them/);
    expect(() => costScale(time, model, null)).toThrow(/found no report/);
  });

  it('say what has to be saved, and what the least is where that is too much', () => {
    const scale = scaleOf('params=12B');
    expect(savingFor(parseBudget('params=12B', 'test'), scale)).toBe(20_430_401_088 - 12e9);
    expect(savingFor(parseBudget('params=60%', 'test'), scale)).toBeCloseTo(0.4 * 20_430_401_088, 3);
    expect(unmet(parseBudget('params=1B', 'test'), scale, 18e9).message).toMatch(
      /No plan meets the budget; found params=1B; expected 2.43 B parameters or more \(11.9 % of 20.4 B parameters\)/,
    );
  });
});
