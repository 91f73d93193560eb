/** Plans of FLUX.1, FLUX.2 and Stable Diffusion 3 with narrower blocks, against all sets of edits that the model allows. */
import { expect, it } from 'vitest';
import { DEFAULT_DETECTION, widthCandidates } from '../detection/index.ts';
import { type Edit, editKey, editSetOf, runEdit } from '../edit/index.ts';
import { describedModel } from '../folder/model-summary.ts';
import { editableModel, editedModel, parseModelConfig } from '../model/config-index.ts';
import { seededRandom } from '../random.ts';
import { damageOf } from '../report/report-fixtures.ts';
import { budgetPlanner } from './budget-planner.ts';
import { FREE_RULES, type WidthOffer } from './plan-rules.ts';
import { reportOf } from './planner-fixtures.ts';
import { predictionOf } from './prediction.ts';

const FLUX = { num_layers: 3, num_single_layers: 1 };

it.each([
  ['FluxTransformer2DModel', FLUX, [1, 2]],
  ['Flux2Transformer2DModel', FLUX, [1, 2]],
  // Where a run makes block 2 the last, that has no text layers to replace.
  ['SD3Transformer2DModel', { num_layers: 4, dual_attention_layers: [0] }, [2, 3]],
] as const)('plans of %s are the best of all, of every budget', (_class_name, keys, [first, last]) => {
  const config = parseModelConfig(JSON.stringify({ _class_name, ...keys }), 'config.json');
  const stored = { fingerprint: 'sha256:00', dtypes: ['BF16'], sizeBytes: 0, files: 1 };
  const summary = describedModel('example', config, stored, null);
  const model = { ...summary, sizeBytes: 2 * summary.parameters };
  const editable = editableModel(config);
  const empty = reportOf([0.1, 0.1, 0.1, 0.1]);
  const random = seededRandom(1);
  const error = () => 0.01 + 0.04 * random.uniform();
  const damage = [damageOf(runEdit({ first, last }, 'nothing'), 2 * error())];
  const offers = [...widthCandidates('ffn', empty, config), ...widthCandidates('text-all', empty, config)].map(
    (edit): WidthOffer => ({ edit, outputError: error() }),
  );
  const candidates = [...damage, ...offers];
  const plans = Array.from({ length: 2 ** candidates.length }, (_, bits) => {
    const chosen = candidates.filter((__, i) => (bits >> i) & 1);
    const edits = chosen.map(({ edit }): Edit => edit);
    const spans = edits.flatMap((edit) => (edit.on === 'run' || edit.on === 'text-stream' ? [edit] : []));
    // The planner makes no text group across a run.
    if (spans.some((a) => spans.some((b) => a !== b && a.first <= b.last && b.first <= a.last))) return [];
    try {
      const { parameters } = editedModel(config, editSetOf(edits, editable, 'test'));
      return [{ parameters, squares: chosen.reduce((sum, one) => sum + (one.outputError ?? 0) ** 2, 0) }];
    } catch {
      return [];
    }
  }).flat();
  const report = reportOf([0.1, 0.1, 0.1, 0.1], { damage });
  const planner = budgetPlanner({
    model,
    report,
    detection: DEFAULT_DETECTION,
    budget: { kind: 'params', dtype: null },
    rules: { ...FREE_RULES, allow: ['run', 'text', 'ffn'], offers },
    prediction: predictionOf(report, DEFAULT_DETECTION, { score: 'removed' }),
  });
  expect(planner.least).toBe(Math.min(...plans.map(({ parameters }) => parameters)));
  const kinds = new Set<string>();
  for (let share = 100 * (planner.least / model.parameters) + 0.1; share <= 100; share += 1.3) {
    const limit = (share / 100) * model.parameters;
    const best = Math.min(...plans.filter(({ parameters }) => parameters <= limit).map(({ squares }) => squares));
    const found = planner.best({ kind: 'params', dtype: null, limit: { amount: limit } });
    expect(found.damage, `${share} %`).toBeCloseTo(Math.sqrt(best), 12);
    const set = editSetOf([...found.edits, ...found.width], editable, 'test');
    expect(found.cost, set.map(editKey).join()).toBe(editedModel(config, set).parameters);
    for (const { on } of set) kinds.add(on);
  }
  expect([...kinds].sort()).toEqual(['ffn', 'run', 'text-stream']);
});
