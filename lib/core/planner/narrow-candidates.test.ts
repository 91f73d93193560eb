import { describe, expect, it } from 'vitest';
import { DEFAULT_DETECTION, leastScore } from '../detection/index.ts';
import {
  type Edit,
  editSetOf,
  ffnEdit,
  modulationEdit,
  type RunReplacement,
  runEdit,
  textStreamEdit,
} from '../edit/index.ts';
import { editableModel, editedConfig, editedModel, parseModelConfig } from '../model/config-index.ts';
import { seededRandom } from '../random.ts';
import { damageOf } from '../report/report-fixtures.ts';
import { type BudgetKind, parseBudget } from './budget.ts';
import { budgetPlanner } from './budget-planner.ts';
import { FREE_RULES, type PlanRules, type WidthOffer } from './plan-rules.ts';
import type { PlanPoint } from './plan-solver.ts';
import { exampleModel, reportOf } from './planner-fixtures.ts';
import { predictionOf } from './prediction.ts';

const BLOCKS = 6;
const model = exampleModel(BLOCKS);
const config = parseModelConfig(JSON.stringify(model.config), 'config.json');
const random = seededRandom(4);
const runs = Array.from({ length: BLOCKS }, (_, first) =>
  Array.from({ length: BLOCKS - 1 - first }, (_, i) => runEdit({ first, last: first + 1 + i }, 'nothing')),
).flat();
const report = reportOf(
  Array.from({ length: BLOCKS }, () => 0.1),
  {
    damage: runs.map((edit) => damageOf(edit, 0.05 * (edit.last - edit.first) * (1 + random.uniform()))),
  },
);
const offer = (edit: WidthOffer['edit'], outputError = 0.006 * (1 + random.uniform())): WidthOffer => ({
  edit,
  outputError,
});
const OFFERS: readonly WidthOffer[] = [
  ...Array.from({ length: BLOCKS }, (_, block) =>
    ['image', 'text'].map((stream) => offer(ffnEdit(block, stream))),
  ).flat(),
  ...[
    { first: 1, last: 2 },
    { first: 1, last: 4 },
    { first: 3, last: 5 },
  ].map((group) => offer(textStreamEdit(group))),
  ...[2, 8, 32].map((rank) => offer(modulationEdit({ rank }), 0.05 / rank)),
];
const ALL = ['run', 'text', 'ffn', 'modulation'] as const;
const plannerOf = (rules: Partial<PlanRules> = {}, kind: BudgetKind = 'params', score: 'removed' | 'cka' = 'removed') =>
  budgetPlanner({
    model,
    report,
    detection: DEFAULT_DETECTION,
    budget: { kind, dtype: null },
    rules: { ...FREE_RULES, allow: ALL, offers: OFFERS, ...rules },
    prediction: predictionOf(report, DEFAULT_DETECTION, { score }),
  });
const editable = editableModel(config);
const setOf = (edits: readonly Edit[]) => editSetOf(edits, editable, 'test');

describe('plans of every kind of edit', () => {
  it.each<[BudgetKind, number]>([
    ['params', 1],
    ['flops', 2],
  ])('cost in %s what the edited model costs, to the last one, and are valid sets', (kind, factor) => {
    const planner = plannerOf({}, kind);
    const costOf = (edits: readonly Edit[]) => {
      const edited = editedModel(config, setOf(edits));
      return kind === 'params' ? edited.parameters : factor * edited.flops(model.tokensPerForward);
    };
    const seen = new Set<string>();
    for (let share = Math.ceil((100 * planner.least) / costOf([])); share <= 100; share += 2) {
      const point = planner.best(parseBudget(`${kind}=${share}%`, 'test'));
      const edits = [...point.edits, ...point.width];
      for (const { on } of edits) seen.add(on);
      expect(point.cost / costOf(edits)).toBeCloseTo(1, 12);
      expect(point.cost).toBeLessThanOrEqual(((share + 1e-9) / 100) * costOf([]));
    }
    // Modulations take next to no operations.
    const kinds = ['ffn', 'modulation', 'run', 'text-stream'].filter((on) => kind === 'params' || on !== 'modulation');
    expect([...seen].sort()).toEqual(kinds);
  });

  it('are the best of all sets of edits that the model allows, of every budget', () => {
    const small = exampleModel(3);
    const smallConfig = parseModelConfig(JSON.stringify(small.config), 'config.json');
    const smallEditable = editableModel(smallConfig);
    for (let seed = 0; seed < 4; seed++) {
      const own = seededRandom(seed);
      const error = () => 0.01 + 0.04 * own.uniform();
      const spans = [runEdit({ first: 0, last: 1 }, 'nothing'), runEdit({ first: 1, last: 2 }, 'nothing')];
      const damage = spans.map((edit) => damageOf(edit, 2 * error()));
      const offers = [
        ...[0, 1, 2].map((block) => offer(ffnEdit(block, 'image'), error())),
        ...[0, 1, 2].map((block) => offer(ffnEdit(block, 'text'), error())),
        ...[0, 1].map((first) => offer(textStreamEdit({ first, last: first + 1 }), error())),
        ...[2, 64].map((rank) => offer(modulationEdit({ rank }), 0.1 / rank)),
      ];
      const candidates = [...damage, ...offers];
      const plans = Array.from({ length: 2 ** candidates.length }, (_, bits) => {
        const chosen = candidates.filter((__, i) => (bits >> i) & 1);
        const edits = chosen.map(({ edit }): Edit => edit);
        const spans = edits.flatMap((edit) => (edit.on === 'run' || edit.on === 'text-stream' ? [edit] : []));
        // The planner makes no text group across a run.
        if (spans.some((a) => spans.some((b) => a !== b && a.first <= b.last && b.first <= a.last))) return [];
        try {
          const set = editSetOf(edits, smallEditable, 'test');
          // PPCL's class reads no block whose streams differ in their feed-forward layers.
          if ('why' in editedConfig(smallConfig, set)) return [];
          const { parameters } = editedModel(smallConfig, set);
          return [{ parameters, squares: chosen.reduce((sum, one) => sum + (one.outputError ?? 0) ** 2, 0) }];
        } catch {
          return [];
        }
      }).flat();
      const ownReport = reportOf([0.1, 0.1, 0.1], { damage });
      const planner = budgetPlanner({
        model: small,
        report: ownReport,
        detection: DEFAULT_DETECTION,
        budget: { kind: 'params', dtype: null },
        rules: { ...FREE_RULES, allow: ALL, offers },
        prediction: predictionOf(ownReport, DEFAULT_DETECTION, { score: 'removed' }),
      });
      expect(planner.least).toBe(Math.min(...plans.map(({ parameters }) => parameters)));
      for (let share = 100 * (planner.least / small.parameters) + 0.1; share <= 100; share += 2.7) {
        const limit = (share / 100) * small.parameters;
        const best = Math.min(...plans.filter(({ parameters }) => parameters <= limit).map(({ squares }) => squares));
        const found = planner.best({ kind: 'params', dtype: null, limit: { amount: limit } });
        expect(found.damage, `seed ${seed}, ${share} %`).toBeCloseTo(Math.sqrt(best), 12);
      }
    }
  });

  it('are read by a class: feed-forward layers of all streams of a block, or of the image where a group holds the text', () => {
    const seen = { whole: 0, held: 0 };
    for (let share = 45; share <= 98; share++) {
      const { edits, width } = plannerOf({ allow: ['text', 'ffn'] }).best(
        parseBudget(`params=${Math.max(share, 72)}%`, 'test'),
      );
      const set = setOf([...edits, ...width]);
      expect(editedConfig(config, set)).not.toHaveProperty('why');
      const blocks = set.flatMap((edit) => (edit.on === 'ffn' ? [edit.block] : []));
      for (const block of blocks) {
        if (blocks.filter((one) => one === block).length === 2) seen.whole++;
        else seen.held++;
      }
    }
    expect(seen.whole).toBeGreaterThan(0);
    expect(seen.held).toBeGreaterThan(0);
    // What is chosen by hand is left as it is.
    const chosen = [ffnEdit(3, 'text')];
    expect(plannerOf({ chosen, allow: ['ffn'] }).best(parseBudget('params=100%', 'test')).width).toEqual(chosen);
  });

  it('are no worse than plans of runs alone, at any budget', () => {
    const [mixed, alone] = [plannerOf(), plannerOf({ allow: ['run'] })];
    for (let share = 40; share <= 95; share += 5) {
      const budget = parseBudget(`params=${share}%`, 'test');
      expect(mixed.best(budget).damage).toBeLessThanOrEqual(alone.best(budget).damage + 1e-12);
    }
    expect(mixed.best(parseBudget('params=60%', 'test')).damage).toBeLessThan(
      0.8 * alone.best(parseBudget('params=60%', 'test')).damage,
    );
  });

  it('leave locked and forbidden blocks alone, and name the blocks that share modulations then', () => {
    const planner = plannerOf({ locked: [2], forbidden: [4] });
    for (const { edits, width } of planner.front(50).points) {
      const set = setOf([...edits, ...width]);
      for (const edit of set) {
        if (edit.on === 'modulation') {
          if (edit.blocks === 'all') throw new Error('All blocks share modulations');
          expect(edit.blocks.filter((block) => block === 2 || block === 4)).toEqual([]);
        }
        if (edit.on === 'ffn') expect([2, 4]).not.toContain(edit.block);
      }
      expect(set.some((edit) => edit.on === 'text-stream')).toBe(false);
    }
    const all = planner.best(parseBudget('params=70%', 'test')).width.find(({ on }) => on === 'modulation');
    expect(all).toMatchObject({ on: 'modulation', blocks: expect.any(Array) });
  });

  it('have every chosen edit, of any kind, and none that clashes with one', () => {
    const chosen = [textStreamEdit({ first: 1, last: 2 }), ffnEdit(3, 'image'), modulationEdit({ rank: 8 })];
    const planner = plannerOf({ chosen });
    for (const { edits, width } of planner.front(50).points) {
      const set = setOf([...edits, ...width]);
      for (const edit of chosen) expect(set).toContainEqual(edit);
      expect(edits.every(({ first, last }) => last < 1 || first > 3 || (first === 3 && last > 3))).toBe(true);
    }
    // Chosen though its kind is not allowed to others.
    const alone = plannerOf({ chosen, allow: ['run'] }).best(parseBudget('params=100%', 'test'));
    expect(setOf(alone.width)).toEqual(setOf(chosen));
    // Shared by some blocks alone.
    const some = modulationEdit({ rank: 8 }, [0, 1]);
    expect(plannerOf({ chosen: [some] }).best(parseBudget('params=100%', 'test')).width).toEqual([some]);
  });

  it.each<[Partial<PlanRules>, RegExp]>([
    [{ chosen: [ffnEdit(2, 'text')], locked: [2] }, /2 text ffn is chosen, and block 2 is locked/],
    [{ chosen: [textStreamEdit({ first: 1, last: 2 })], locked: [2] }, /1-2 text is chosen, and block 2 is locked/],
    [{ chosen: [textStreamEdit({ first: 1, last: 2 })], forbidden: [1] }, /1-2 text is chosen, and block 1 is forbi/],
    [{ chosen: [modulationEdit({ rank: 8 })], locked: [5] }, /modulation rank 8 is chosen, and block 5 is locked/],
    [{ chosen: [textStreamEdit({ first: 2, last: 5 })] }, /says nothing about a chosen edit; found 2-5 text/],
    [{ chosen: [modulationEdit({ rank: 3 })] }, /says nothing about a chosen edit; found modulation rank 3/],
    [
      { chosen: [runEdit({ first: 1, last: 3 }, 'nothing'), textStreamEdit({ first: 3, last: 5 })] },
      /What is chosen cannot be in one plan/,
    ],
  ])('refuse a choice that locks contradict or that nothing is known of: %j', (rules, message) => {
    expect(() => plannerOf(rules)).toThrow(message);
  });

  it('keep the first block of a text group whole where it is locked', () => {
    const first = { chosen: [textStreamEdit({ first: 1, last: 2 })], locked: [1] };
    expect(plannerOf(first).best(parseBudget('params=100%', 'test')).width).toHaveLength(1);
  });

  it('have bounds where every edit of the plan has', () => {
    const bounded = OFFERS.map((one) => ({
      ...one,
      bounds: { low: 0.5 * one.outputError!, high: 2 * one.outputError! },
    }));
    const edits = [ffnEdit(0, 'image'), ffnEdit(1, 'text')];
    const rules = { chosen: edits, offers: bounded, allow: ['ffn'] as const };
    const { damage, bounds } = plannerOf(rules).best(parseBudget('params=100%', 'test'));
    expect(bounds?.low).toBeCloseTo(0.5 * damage, 12);
    expect(bounds?.high).toBeCloseTo(2 * damage, 12);
    expect(plannerOf({ ...rules, offers: OFFERS }).best(parseBudget('params=100%', 'test')).bounds).toBeNull();
  });

  it('leave the feed-forward layers of a student whole, unless they are chosen by hand', () => {
    const isInside = ({ edits, width }: PlanPoint) =>
      width.some((edit) => edit.on === 'ffn' && edits.some(({ first }) => first === edit.block));
    const pointsBy = (by: RunReplacement) => plannerOf({ by }).front().points;
    expect(pointsBy('nothing').some(isInside)).toBe(true);
    const students = pointsBy('student');
    expect(students.some(({ edits, width }) => edits.length > 0 && width.some(({ on }) => on === 'ffn'))).toBe(true);
    expect(students.some(isInside)).toBe(false);
    const chosen = [runEdit({ first: 2, last: 3 }, 'student'), ffnEdit(2, 'image')] as const;
    const { edits, width } = plannerOf({ by: 'student', chosen }).best(parseBudget('params=100%', 'test'));
    expect([...edits, ...width]).toMatchObject(chosen);
  });

  it('of narrower blocks alone need no score of runs', () => {
    const unmeasured = reportOf(Array.from({ length: BLOCKS }, () => 0.1));
    const request = (allow: PlanRules['allow']) => ({
      model,
      report: unmeasured,
      detection: DEFAULT_DETECTION,
      budget: { kind: 'params', dtype: null } as const,
      rules: { ...FREE_RULES, allow, offers: OFFERS },
    });
    const budget = parseBudget('params=90%', 'test');
    expect(budgetPlanner(request(['text', 'ffn'])).best(budget).width.length).toBeGreaterThan(0);
    expect(() => budgetPlanner(request(['run', 'ffn']))).toThrow(/Output errors do not add/);
  });

  it('may be of shared modulations alone', () => {
    const { edits, width } = plannerOf({ allow: ['modulation'] }).best(parseBudget('params=80%', 'test'));
    expect(edits).toEqual([]);
    expect(width).toMatchObject([{ on: 'modulation' }]);
  });

  it('add errors that are weighted to early timesteps, and unweighted ones where an offer has no other', () => {
    const bands = (['late', 'early'] as const).map((id) => ({
      id,
      label: id,
      timesteps: [id === 'late' ? 0.1 : 0.9],
      heldOutSamples: 1,
    }));
    const linear = runs.map((edit) => ({
      ...damageOf({ ...edit, by: 'linear' as const }, 0.3),
      bands: [0.1, 0.5],
    }));
    const weighted = reportOf(
      Array.from({ length: BLOCKS }, () => 0.1),
      { damage: linear, bands },
    );
    expect(leastScore(weighted, model, DEFAULT_DETECTION).score).toBe('linear-early');
    const request = (offers: readonly WidthOffer[], by: RunReplacement = 'linear') => ({
      model,
      report: weighted,
      detection: DEFAULT_DETECTION,
      budget: { kind: 'params', dtype: null } as const,
      rules: {
        ...FREE_RULES,
        by,
        allow: offers.length > 0 ? (['run', 'modulation'] as const) : (['run'] as const),
        offers,
      },
    });
    expect(budgetPlanner(request([])).prediction.label).toContain('early steps');
    const { prediction } = budgetPlanner(request([offer(modulationEdit({ rank: 8 }), 0.01)]));
    expect(prediction.label).toBe('output error, linear, squares added up');
    const unweighted = { outputError: 0.01 };
    expect(predictionOf(weighted, DEFAULT_DETECTION).termOfError(unweighted)).toBeNull();
    const early = budgetPlanner(
      request([{ ...offer(modulationEdit({ rank: 8 }), 0.01), earlyError: 0.003 }], 'student'),
    ).prediction;
    expect(early.label).toBe('output error, linear, early steps × 0.4, squares added up');
    expect(early.termOfError({ outputError: 0.01, earlyError: 0.003 })).toBeCloseTo(0.003 ** 2, 12);
    expect(early.termOf(runEdit({ first: 0, last: 1 }, 'student'))).toBeCloseTo(
      0.4 ** 2 * (0.1 * 0.1 ** 2 + 0.9 * 0.5 ** 2),
      12,
    );
    const ofStudents = budgetPlanner(request([offer(modulationEdit({ rank: 8 }), 0.01)], 'student')).prediction;
    expect(ofStudents.label).toBe('output error, linear × 0.4, squares added up');
    expect(ofStudents.termOfError(unweighted)).toBeCloseTo(0.0001, 12);
    expect(ofStudents.termOf(runEdit({ first: 0, last: 1 }, 'student'))).toBeCloseTo((0.4 * 0.3) ** 2, 12);
    expect(ofStudents.termOf(runEdit({ first: 0, last: 1 }, 'nothing'))).toBeCloseTo((1.5 * 0.3) ** 2, 12);
  });

  it('hold a run against a narrower block by what its student leaves, not by what was measured before training', () => {
    const measured = reportOf(
      Array.from({ length: BLOCKS }, () => 0.1),
      {
        damage: runs.map((edit) => ({
          ...damageOf({ ...edit, by: 'linear' as const }, 0.1 * (edit.last - edit.first)),
          bounds: { low: 0.05 * (edit.last - edit.first), high: 0.2 * (edit.last - edit.first) },
        })),
      },
    );
    // Both save as much; in closed form the group costs less than the run, and more than its student.
    const offers = [{ ...offer(textStreamEdit({ first: 1, last: 2 }), 0.06), bounds: { low: 0.05, high: 0.07 } }];
    const best = (by: RunReplacement) =>
      budgetPlanner({
        ...{ model, report: measured, detection: DEFAULT_DETECTION, budget: { kind: 'params', dtype: null } },
        rules: { ...FREE_RULES, by, allow: ['run', 'text'], offers },
      }).best(parseBudget('params=97%', 'test'));
    expect(best('linear')).toMatchObject({ edits: [], width: [{ on: 'text-stream' }] });
    const point = best('student');
    expect(point).toMatchObject({ edits: [{ last: expect.any(Number) }], width: [] });
    expect(point.damage).toBeCloseTo(0.04, 12);
    expect(point.bounds?.low).toBeCloseTo(0.02, 12);
    expect(point.bounds?.high).toBeCloseTo(0.08, 12);
  });

  it('are refused where nothing of a kind is offered, or output errors do not add to the score', () => {
    expect(() => plannerOf({ offers: [], allow: ['run', 'ffn'] })).toThrow(
      /No feed-forward layers can be planned; found ffn: a report that did not measure feed-forward layers.*analyse MODEL --width ffn/s,
    );
    expect(() => plannerOf({}, 'params', 'cka')).toThrow(/Output errors do not add to this prediction/);
    expect(() => plannerOf({ offers: [offer(ffnEdit(0, 'audio'))], allow: ['ffn'] })).toThrow(/no stream audio/);
  });

  it('of sixty blocks with all kinds of edit are found', () => {
    const large = exampleModel(60);
    const big = seededRandom(9);
    const spans = Array.from({ length: 60 }, (_, first) =>
      Array.from({ length: Math.min(12, 59 - first) }, (_, i) => runEdit({ first, last: first + 1 + i }, 'nothing')),
    ).flat();
    const own = reportOf(
      Array.from({ length: 60 }, () => 0.01),
      {
        damage: spans.map((edit) => damageOf(edit, 0.02 * (edit.last - edit.first) ** 1.5 * (0.5 + big.uniform()))),
      },
    );
    const offers = [
      ...Array.from({ length: 60 }, (_, block) =>
        ['image', 'text'].map((stream) => offer(ffnEdit(block, stream), 0.02 * (0.5 + big.uniform()))),
      ).flat(),
      ...spans
        .filter(({ first, last }) => last - first < 8)
        .map(({ first, last }) =>
          offer(textStreamEdit({ first, last }), 0.01 * (last - first) * (0.5 + big.uniform())),
        ),
      ...[2, 4, 8, 16, 32, 64].map((rank) => offer(modulationEdit({ rank }), 0.05 / rank)),
    ];
    const request = {
      model: large,
      report: own,
      detection: DEFAULT_DETECTION,
      budget: { kind: 'params', dtype: null } as const,
      rules: { ...FREE_RULES, allow: ALL, offers },
      prediction: predictionOf(own, DEFAULT_DETECTION, { score: 'removed' }),
    };
    const point = budgetPlanner(request).best(parseBudget('params=50%', 'test'));
    expect(new Set(point.width.map(({ on }) => on)).size).toBeGreaterThan(1);
  });
});
