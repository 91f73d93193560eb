import { describe, expect, it } from 'vitest';
import { DEFAULT_DETECTION } from '../lib/core/detection/index.ts';
import { type Edit, ffnEdit, modulationEdit, runEdit, runsOf } from '../lib/core/edit/index.ts';
import { exampleModel, reportOf } from '../lib/core/planner/planner-fixtures.ts';
import { damageOf } from '../lib/core/report/report-fixtures.ts';
import { parseArguments } from './arguments.ts';
import { BUDGET_OPTIONS, budgetChooser, refuseBeforeMeasuring } from './plan-budget.ts';

const model = exampleModel(60);
// Least in the middle, as in published models.
const report = reportOf(Array.from({ length: 60 }, (_, i) => 0.001 + 0.0001 * Math.abs(i - 25) ** 1.5));
const argumentsOf = (line: string) =>
  parseArguments('plan', line.split(' '), {
    ...BUDGET_OPTIONS,
    report: { type: 'string' },
    out: { type: 'string' },
    measure: { type: 'boolean' },
  });
const chooser = (options: string) => budgetChooser(argumentsOf(`MODEL --report report.json ${options}`), 'nothing');
const planned = (options: string, chosen = [] as ReturnType<typeof runEdit>[]) => {
  const choose = chooser(options);
  if (!choose) throw new Error('no budget');
  return choose(model, report, DEFAULT_DETECTION, chosen);
};

/** Of shared modulations alone, unless the options say otherwise. */
function refusedBefore(options: string, chosen: readonly Edit[]): void {
  const args = argumentsOf(
    `MODEL --report report.json --budget ${options}${options.includes('allow') ? '' : ' --allow modulation'}`,
  );
  const choose = budgetChooser(args, 'nothing');
  if (!choose) throw new Error('no budget');
  refuseBeforeMeasuring(args, choose, model, report, DEFAULT_DETECTION, chosen);
}

describe('contigua plan --budget', () => {
  it('takes the best plan within the budget, and tells its costs and what is predicted', () => {
    const { edits: all, lines, front } = planned('--budget params=12B --lock 0,1,2 --forbid 58-59');
    const edits = runsOf(all);
    expect(front).toBeNull();
    // 25 blocks out leave 11.93 B, as the published choice does.
    expect(edits.reduce((sum, { first, last }) => sum + last - first, 0)).toBe(25);
    expect(edits.every(({ first, last }) => first >= 2 && last < 58)).toBe(true);
    expect(lines).toContain('parameters: 20.4 B parameters → 11.9 B parameters');
    expect(lines).toContain('file size: 40.9 GB → 23.9 GB');
    expect(lines.join('\n')).toMatch(/time of a step: 120 ms → 70\.0 ms/);
    expect(lines.join('\n')).toMatch(/predicted damage: 0\.\d+ \(1 − surrogate CKA, added up\)/);
  });

  it('lists the front, and marks the plan within the budget', () => {
    const { front } = planned('--budget params=50% --front');
    expect(front).toMatch(/^ +cost +of all +blocks out +predicted damage +edits\n/);
    expect(front?.match(/[BM] parameters/g)).toHaveLength(60);
    expect(front).toMatch(/\n\* {2}9\.\d+ B parameters +4\d\.\d % +31 /);
    expect(front).toContain('No other plan costs as little');
  });

  it('lists the front for programs', () => {
    const { front } = planned('--budget memory=24GB@bf16 --front --json');
    const read = JSON.parse(front ?? '') as {
      front: { cost: number; predictedDamage: number }[];
      best: { cost: number };
    };
    expect(read).toMatchObject({ kind: 'memory', dtype: 'bf16', isWhole: true });
    expect(read.front).toHaveLength(60);
    expect(read.best.cost).toBeLessThanOrEqual(24e9);
    const costs = read.front.map(({ cost }) => cost);
    expect(costs).toEqual([...costs].sort((a, b) => a - b));
    expect(read.front.at(-1)?.predictedDamage).toBe(0);
  });

  it('keeps what is chosen already', () => {
    const chosen = [runEdit({ first: 0, last: 4 }, 'nothing')];
    expect(planned('--budget params=80%', chosen).edits).toContainEqual(chosen[0]);
    expect(() => planned('--budget params=80% --lock 3', chosen)).toThrow(
      /A lock contradicts the choice; found 0-4 by nothing is chosen, and block 3 is locked/,
    );
  });

  it.each([
    ['--budget 12B', /--budget: The budget is not readable/],
    ['--budget params=1%', /No plan meets the budget; found params=1%; expected .* or more/],
    ['--budget params=12B --lock 60', /--lock: The model has no such block; found 60; expected 0 to 59/],
    ['--budget params=12B --forbid x', /--forbid: The blocks are not readable/],
    ['--budget params=12B --allow runs', /--allow does not fit; found runs; expected run, text, ffn, modulation/],
    ['--budget params=12B --allow run,ffn', /No feed-forward layers can be planned; found ffn/],
    ['--budget params=12B --json', /--json is for --front/],
    ['--budget params=12B --front --out plan.json', /--front lists plans and writes none/],
    ['--lock 1', /--lock is for --budget/],
    ['--front', /--front and --json are for --budget/],
  ])('refuses %s and says why', (options, message) => {
    expect(() => planned(options)).toThrow(message);
  });

  it.each([
    ['params=99%', [modulationEdit({ table: [1, 0.5] })], /says nothing about a chosen edit; found modulation table/],
    ['params=1%', [], /No plan meets the budget; found params=1%/],
    ['params=99% --lock 3', [modulationEdit({ rank: 8 })], /rank 8 is chosen, and block 3 is locked/],
    ['params=80% --allow run,modulation', [], /Output errors do not add to this prediction/],
  ])('refuses %s before shared modulations are measured', (options, chosen, message) => {
    expect(() => refusedBefore(options, chosen)).toThrow(message);
  });

  it('lets shared modulations be measured at any rank of the model', () => {
    for (const rank of [5, 200]) refusedBefore('params=99.9%', [modulationEdit({ rank })]);
    refusedBefore('params=1% --front', []);
  });

  it('tells where students beside narrower blocks are predicted better once only, and runs alone are taken', () => {
    const [small, errors] = [
      exampleModel(6),
      new Map([
        ['3-5', 0.05],
        ['0-3', 0.09],
      ]),
    ];
    const damage = [0, 1, 2, 3, 4].flatMap((first) =>
      Array.from({ length: 5 - first }, (_, i) => {
        const edit = runEdit({ first, last: first + 1 + i }, 'linear');
        return damageOf(edit, errors.get(`${edit.first}-${edit.last}`) ?? 0.5);
      }),
    );
    const offers = ['image', 'text'].map((stream) => ({ edit: ffnEdit(0, stream), outputError: 0.005 }));
    const measured = reportOf(
      Array.from({ length: 6 }, () => 0.1),
      { damage },
    );
    const chosenBy = (options: string) => {
      const args = argumentsOf(`MODEL --report report.json --budget params=62% --allow run,ffn${options}`);
      return budgetChooser(args, 'student')!(small, measured, DEFAULT_DETECTION, [], { offers });
    };
    const { edits, lines } = chosenBy('');
    expect(edits).toEqual([runEdit({ first: 0, last: 3 }, 'student')]);
    expect(lines).toContain('predicted damage: 3.60 % (output error, linear × 0.4, squares added up)');
    expect(lines.join('\n')).toMatch(
      /A plan with narrower blocks, for which 2\.12 % is predicted, gives way\. .* ranks it behind runs alone\./,
    );
    expect(chosenBy(' --front').front).toMatch(/give way where a second prediction ranks them behind/);
    const read = JSON.parse(chosenBy(' --front --json').front ?? '') as { best: { passedOver: number } };
    expect(read.best.passedOver).toBeCloseTo(Math.hypot(0.4 * 0.05, 0.005, 0.005), 12);
  });

  it('needs a report', () => {
    expect(() => budgetChooser(argumentsOf('MODEL --budget params=12B'), 'nothing')).toThrow(/needs the --report/);
  });
});
