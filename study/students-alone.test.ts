import { expect, it } from 'vitest';
import { evenRuns, FORMULAS, fittedFormula, formulaTable, type StudentAlone } from './students-alone.ts';

it('cuts each stack into runs of two and of four blocks, over no seam', () => {
  const runs = evenRuns([
    { first: 0, last: 3 },
    { first: 4, last: 8 },
  ]);
  expect(runs.map(({ first, last }) => `${first}-${last}`)).toEqual(['0-1', '2-3', '4-5', '6-7', '0-3', '4-7']);
});

/** Runs of a model whose students leave `scale` · √(blocks out) · e^place, whatever a linear map leaves. */
function madeRuns(scale: number): StudentAlone[] {
  return evenRuns([{ first: 0, last: 15 }]).map((run, i) => {
    const place = (run.first + run.last) / 30;
    const error = scale * Math.sqrt(run.last - run.first) * Math.exp(place);
    const alike = (value: number) => ({ alike: value, early: value });
    return { run, place, student: alike(error), linear: alike(0.1 + 0.05 * (i % 3)), removed: alike(0.2) };
  });
}

it('finds the formula that errors follow, and holds it against another model', () => {
  const rows = madeRuns(0.02);
  const [share] = FORMULAS;
  const formula = FORMULAS.find(({ name }) => name.startsWith('blocks out, '))!;
  const fitted = fittedFormula(formula, rows, 'early');
  expect(fitted.weights).toEqual([Math.log(0.02), 0.5, 1].map((weight) => expect.closeTo(weight, 6)));
  expect(fitted.offBy(rows)).toBeCloseTo(1, 6);
  expect(fittedFormula(share!, rows, 'early').offBy(rows)).toBeGreaterThan(1.3);
  // Half as much again is what the other model leaves of everything.
  expect(fitted.offBy(madeRuns(0.03))).toBeCloseTo(1.5, 6);

  const table = formulaTable(
    new Map([
      ['one', rows],
      ['other', madeRuns(0.03)],
    ]),
  );
  expect(table).toContain('fitted to one: off by');
  expect(table.split('\n')).toHaveLength(2 + 2 * FORMULAS.length);
});
