/** `contigua plan --budget --measured`, on a made-up report; plan-kinds.test.ts measures a plan of the sample model and gives it again. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_DETECTION } from '../lib/core/detection/index.ts';
import { type Edit, ffnEdit, formatEditParam, runEdit } from '../lib/core/edit/index.ts';
import { buildPlan, formatPlan, type Plan } from '../lib/core/plan/index.ts';
import { exampleModel, reportOf } from '../lib/core/planner/planner-fixtures.ts';
import { parseArguments } from './arguments.ts';
import { readMeasuredPlans } from './measured-plans.ts';
import { BUDGET_OPTIONS, budgetChooser } from './plan-budget.ts';

const model = { ...exampleModel(60), fingerprint: `sha256:${'a'.repeat(64)}` };
const plain = reportOf(Array.from({ length: 60 }, (_, i) => 0.001 + 0.0001 * Math.abs(i - 25) ** 1.5));
const report = { ...plain, model: { ...plain.model, fingerprint: model.fingerprint } };
let folder = '';

const argumentsOf = (line: string) =>
  parseArguments('plan', line.split(' '), { ...BUDGET_OPTIONS, report: { type: 'string' } });

async function planned(options: string) {
  const args = argumentsOf(`MODEL --report report.json ${options}`);
  const choose = budgetChooser(args, 'nothing');
  return choose?.(model, report, DEFAULT_DETECTION, [], { measured: await readMeasuredPlans(args) });
}

const path = (name: string) => join(folder, name);

/** A plan as `--measure` writes it. */
async function write(name: string, edits: readonly Edit[], outputError: number | null, change: Partial<Plan> = {}) {
  const damage = outputError === null ? null : { outputError, bounds: { low: outputError / 2, high: outputError * 2 } };
  const measured = { damage, facts: null };
  const plan = buildPlan({ model, report, edits, detection: DEFAULT_DETECTION, measured });
  await writeFile(path(name), formatPlan({ ...plan, ...change }));
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-measured-'));
  const lengths = [2, 4, 8, 16];
  // Twice the root of what is predicted: what one curve corrects wholly.
  for (const [i, length] of lengths.entries()) {
    const edits = [runEdit({ first: 20, last: 20 + length }, 'nothing')];
    const cost = Array.from({ length }, (_, k) => 0.001 + 0.0001 * Math.abs(21 + k - 25) ** 1.5);
    await write(`${i}.json`, edits, 2 * Math.sqrt(cost.reduce((sum, one) => sum + one)));
  }
});
afterAll(() => rm(folder, { recursive: true }));

const files = (...numbers: number[]) => numbers.map((i) => path(`${i}.json`)).join(',');

describe('contigua plan --budget --measured', () => {
  it('corrects what is predicted of the plan by what earlier plans measured, and names each', async () => {
    const answer = await planned(`--budget params=80% --measured ${files(0, 1, 2, 3, 3)}`);
    const lines = answer?.lines.join('\n') ?? '';
    const predicted = Number(/predicted damage: ([\d.]+) /.exec(lines)?.[1]);
    const corrected = Number(/corrected: about ([\d.]+) % output error, from 4 measured plans/.exec(lines)?.[1]);
    expect(corrected / 100).toBeCloseTo(2 * Math.sqrt(predicted), 3);
    expect(lines).toMatch(/two thirds of them within a factor of 1\.00; rank correlation with what is predicted 1\.00/);
    expect(lines).toMatch(/0\.json: predicted 0\.0\d+, measured output error [\d.]+ % \(95 %: /);
    expect(lines).toContain(`${path('3.json')}: measures the same edits as another file, and takes no part`);
    expect(lines).toContain('changes neither their order');
    expect(lines).not.toContain('extrapolated');
    const alone = await planned('--budget params=80%');
    expect(answer?.edits).toEqual(alone?.edits);
  });

  it('says where a plan lies beyond what was measured, and where too few were', async () => {
    const far = await planned(`--budget params=40% --measured ${files(0, 1, 2, 3)}`);
    expect(far?.lines.join('\n')).toContain('predicted outside of what was measured: its correction is extrapolated');
    const few = await planned(`--budget params=80% --measured ${files(0, 1, 2)}`);
    expect(few?.lines).toContain('corrected: n/a, from 3 measured plans; at least 4 are needed');
  });

  it('lists measured plans among those of the front, and the corrected errors of the others', async () => {
    const asked = `--budget params=80% --front --measured ${files(0, 1, 2, 3)}`;
    const table = (await planned(asked))?.front ?? '';
    expect(table).toMatch(/predicted damage +output error +edits\n/);
    const rows = table.split('\n').filter((row) => / parameters /.test(row));
    expect(rows.filter((row) => /^\*?o/.test(row))).toHaveLength(4);
    expect(rows.filter((row) => !/^\*?o/.test(row) && !/ about [\d.]+ % /.test(row))).toEqual([]);
    expect(table).toContain('o measured.');
    const json = JSON.parse((await planned(`${asked} --json`))?.front ?? '') as {
      measured: { file: string; intervals: string; cost: number; outputError: number; predictedDamage: number }[];
      correction: { plans: number };
      front: { correctedError: number; predictedDamage: number }[];
    };
    expect(json.correction.plans).toBe(4);
    expect(json.measured.map(({ intervals }) => intervals)).toEqual(
      [2, 4, 8, 16].map((length) => formatEditParam([runEdit({ first: 20, last: 20 + length }, 'nothing')], 'nothing')),
    );
    for (const { correctedError, predictedDamage } of [...json.front])
      expect(correctedError).toBeCloseTo(2 * Math.sqrt(Math.max(0, predictedDamage)), 6);
    for (const { outputError, predictedDamage, cost } of json.measured) {
      expect(outputError).toBeCloseTo(2 * Math.sqrt(predictedDamage), 6);
      expect(cost).toBeLessThan(model.parameters);
    }
  });

  it('refuses plans that teach nothing here, by file', async () => {
    const run = [runEdit({ first: 3, last: 4 }, 'nothing')];
    const { model: made } = buildPlan({ model, report, edits: run, detection: DEFAULT_DETECTION });
    const other = { ...made, name: 'other', fingerprint: `sha256:${'b'.repeat(64)}` };
    await write('other-model.json', run, 0.1, { model: other });
    await write('unmeasured.json', run, null);
    await write('other-inputs.json', run, 0.1, { calibration: { ...report.calibration, seed: 99 } });
    await write('ffn.json', [ffnEdit(3, 'image')], 0.1);
    await writeFile(path('broken.json'), '{"version": 3');
    const refused = (name: string) => planned(`--budget params=80% --measured ${path(name)}`);
    await expect(refused('other-model.json')).rejects.toThrow(
      /other-model\.json: The plan is for another model; found other,/,
    );
    await expect(refused('unmeasured.json')).rejects.toThrow(
      /unmeasured\.json: The plan holds no measured output error/,
    );
    await expect(refused('other-inputs.json')).rejects.toThrow(
      /other-inputs\.json: The plan was measured on other inputs/,
    );
    await expect(refused('ffn.json')).rejects.toThrow(/ffn\.json: Nothing is predicted of an edit.*; found .*--allow/);
    await expect(refused('broken.json')).rejects.toThrow(/broken\.json/);
    await expect(refused('missing.json')).rejects.toThrow(/missing\.json: The file cannot be read/);
    await expect(planned('--budget params=80% --measured a.json,,b.json')).rejects.toThrow(/--measured does not fit/);
    await expect(planned(`--measured ${files(0)}`)).rejects.toThrow(/--measured is for --budget/);
  });
});
