import { describe, expect, it } from 'vitest';
import {
  type Edit,
  editKey,
  editSetOf,
  ffnEdit,
  modulationEdit,
  runEdit,
  spanOf,
  textStreamEdit,
} from '../lib/core/edit/index.ts';
import { architectureOf, editableModel, editedModel, parseModelConfig } from '../lib/core/model/config-index.ts';
import { exampleModel } from '../lib/core/planner/planner-fixtures.ts';
import { seededRandom } from '../lib/core/random.ts';
import { fittedTo } from './log-fit.ts';
import { mixedPlans } from './mixed-draw.ts';
import { type JudgedPlan, judgedPlans, MODELS, termsOf } from './mixed-prediction.ts';
import { mixedTables } from './mixed-tables.ts';

const config = parseModelConfig(JSON.stringify(exampleModel(12).config), 'config.json');
const { stacks } = architectureOf(config);

describe('mixed plans', () => {
  it('are drawn of every mix at every budget, each once, valid, and the same again', () => {
    const plans = mixedPlans(config, stacks);
    expect(plans.length).toBeGreaterThanOrEqual(200);
    expect(mixedPlans(config, stacks)).toEqual(plans);
    expect(new Set(plans.map(({ edits }) => JSON.stringify(edits))).size).toBe(plans.length);
    expect(new Set(plans.map(({ mix }) => mix.join())).size).toBe(9);
    for (const { edits, mix } of plans) {
      expect(editSetOf(edits, editableModel(config), 'test')).toEqual(edits);
      const kinds = new Set(edits.map(({ on }) => (on === 'text-stream' ? 'text' : on)));
      expect([...kinds].sort()).toEqual([...mix].sort());
    }
    const met = plans.filter(({ mix, edits, budget }) => {
      const share = editedModel(config, edits).parameters / editedModel(config, []).parameters;
      return mix.includes('run') && share <= budget;
    });
    expect(met.length).toBeGreaterThan(50);
  });
});

describe('the terms of a plan', () => {
  it('tell kinds apart, and edits that share or neighbour a block', () => {
    const edits = [
      modulationEdit({ rank: 4 }),
      ffnEdit(2, 'image'),
      ffnEdit(2, 'text'),
      textStreamEdit({ first: 3, last: 5 }),
      runEdit({ first: 8, last: 9 }, 'linear'),
    ];
    const { own, near, far, sum } = termsOf(edits, [1, 2, 3, 4, 5]);
    expect(own).toEqual([0, 25, 16, 4, 9, 1]);
    expect(near).toBe(2 * (2 * 3 + 2 * 4 + 3 * 4));
    expect(near + far + own.reduce((total, one) => total + one, 0)).toBe(sum ** 2);
  });
});

describe('fits of logarithms', () => {
  it('find the weights that made the data', () => {
    const random = seededRandom(3);
    const data = Array.from({ length: 60 }, () => {
      const [a, b] = [random.uniform(), random.uniform()];
      return { a, b, error: Math.sqrt(4 * a + 0.25 * b) };
    });
    const weights = fittedTo(data, [0, 0], ({ a, b }, [x = 0, y = 0]) => Math.sqrt(Math.exp(x) * a + Math.exp(y) * b));
    expect(Math.exp(weights[0]!)).toBeCloseTo(4, 1);
    expect(Math.exp(weights[1]!)).toBeCloseTo(0.25, 1);
  });
});

describe('models of what the sum of squares misses', () => {
  /** Plans of pairs of layers in one block, which err in one direction, and of layers far apart, which do not. */
  const plans = Array.from({ length: 120 }, (_, i): JudgedPlan => {
    const random = seededRandom(i);
    const edits = [ffnEdit(i % 8, 'image'), i % 2 === 0 ? ffnEdit(i % 8, 'text') : ffnEdit((i % 8) + 3, 'image')];
    const [a, b] = [0.01 + random.uniform(), 0.01 + random.uniform()];
    const terms = termsOf(edits, [a, b]);
    const error = i % 2 === 0 ? a + b : Math.hypot(a, b);
    return { mix: ['ffn'], budget: 0.9, edits, heldOut: error, unseen: error, seconds: 1, error, terms };
  });
  const offOf = (name: string) => {
    const values = MODELS.find((model) => model.name === name)!.predict(plans);
    return Math.max(...values.map((value, i) => Math.abs(Math.log(value / plans[i]!.error))));
  };

  it('learn pairs from other plans than those that they predict', () => {
    expect(offOf('pairs')).toBeLessThan(0.1);
    expect(offOf('squares')).toBeGreaterThan(0.25);
    expect(offOf('sum')).toBeGreaterThan(0.25);
  });

  it('are told beside the sum of squares, from the edits alone and the plans that were measured', () => {
    const errorAlone = (edit: Edit) => 0.05 + spanOf(edit).first / 100;
    const alone = new Map(
      plans.flatMap(({ edits }) => edits.map((edit) => [editKey(edit), errorAlone(edit)] as const)),
    );
    const measured = plans.map((plan, i) => {
      const heldOut = (1 + (i % 3) / 100) * Math.hypot(...plan.edits.map(errorAlone));
      return { ...plan, heldOut, unseen: heldOut };
    });
    const mixes = { alone, modulationErrors: [], plans: measured };
    expect(judgedPlans(mixes)).toHaveLength(120);
    const overflows = { ...measured[0]!, heldOut: null };
    expect(judgedPlans({ ...mixes, plans: [overflows] })).toEqual([]);
    expect(mixedTables({ ...mixes, plans: [overflows] })).toMatch(/^Plans: 1, all of which overflow/);
    expect(mixedTables({ ...mixes, plans: [] })).toBe('Not measured yet.');
    const text = mixedTables(mixes);
    expect(text).toMatch(/^120 plans of 2 to 2 edits\./);
    expect(text).toMatch(/\| ffn \| 120 \| 0\.9\d \(/);
    expect(text).toMatch(/\| pairs \|.*[+−]0\.\d{3} \(/);
  });
});
