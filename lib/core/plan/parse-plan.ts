/**
 * Reads a plan.json back: right shape (`plan-invalid` names the place), consistent in itself, and of the model at hand
 * (`plan-mismatch` names both).
 */
import { compareEdits, editKey, editSetOf, narrowedBlocks, runsOf, spanOf } from '../edit/index.ts';
import { ContiguaError } from '../errors.ts';
import { type BlockInterval, formatLayerIndex, removedCount } from '../interval/index.ts';
import { MAX_JSON_BYTES } from '../json-text.ts';
import { MAX_BLOCKS } from '../model/config-index.ts';
import { printable } from '../printable.ts';
import { checkSeamsV1, checkStacks, type JsonFileVersion, parseJsonFile } from '../report/index.ts';
import { blockMapOf } from './block-map.ts';
import { runPlanOf } from './build-plan.ts';
import { PLAN_VERSION, type Plan, type RunPlan } from './plan.ts';
import { planSchema } from './schema.ts';
import { planV1 } from './schema-v1.ts';
import { planV2 } from './schema-v2.ts';
import { upgradeToV2 } from './upgrade-v1.ts';
import { upgradePlan } from './upgrade-v2.ts';

const HINT = 'Write one with Download plan or `contigua plan`.';

const TOLD = { code: 'plan-invalid', hint: HINT } as const;

const VERSIONS: readonly JsonFileVersion<Plan>[] = [
  {
    version: 1,
    read(value, check, file) {
      const plan = check(value, planV1);
      // Before the upgrade, so that what is wrong is named as version 1 names it.
      checkSize(plan, file);
      checkSeamsV1(plan.model, file, TOLD);
      checkOrder(plan.intervals, 'intervals', file);
      return upgradePlan(upgradeToV2(plan));
    },
  },
  {
    version: 2,
    read(value, check, file) {
      const plan = upgradePlan(check(value, planV2));
      checkPlan(plan, file);
      return plan;
    },
  },
  {
    version: PLAN_VERSION,
    read(value, check, file) {
      const plan = check(value, planSchema);
      checkPlan(plan, file);
      return plan;
    },
  },
];

/** For what takes runs of blocks alone, such as training; any other edit is refused by name. */
export function parseRunPlan(text: string, file: string, what = 'Training'): RunPlan {
  return runPlanOf(parsePlan(text, file), what, file);
}

export function parsePlan(text: string, file: string): Plan {
  const plan = parseJsonFile(text, file, VERSIONS, {
    ...TOLD,
    expected: 'a plan.json of Contigua',
    maxBytes: MAX_JSON_BYTES.plan,
  });
  const { numBlocks } = plan.model;
  // What the family's structure allows is asked where the model is at hand: a plan has no config.
  const set = editSetOf(plan.edits, { ...plan.model, width: null, textStream: null, whyNot: () => null }, file);
  const runs = runsOf(set);
  const after = numBlocks - removedCount(runs);
  if (plan.blocks.before !== numBlocks || plan.blocks.after !== after) {
    const { before: foundBefore, after: foundAfter } = plan.blocks;
    throw inconsistent(file, 'blocks', `${foundBefore} → ${foundAfter}`, `${numBlocks} → ${after}`);
  }
  const map = blockMapOf(numBlocks, runs, narrowedBlocks(set, numBlocks));
  if (plan.blockMap.length !== map.length) {
    throw inconsistent(file, 'blockMap', `${plan.blockMap.length} entries`, `${map.length}, one per block`);
  }
  map.forEach((entry, i) => {
    const found = plan.blockMap[i];
    if (found?.old === entry.old && found.new === entry.new && found.fate === entry.fate) return;
    throw inconsistent(
      file,
      `blockMap[${i}]`,
      JSON.stringify(found),
      `${JSON.stringify(entry)}, as the chosen edits say`,
    );
  });
  return plan;
}

/** Throws `plan-mismatch` unless the plan was made for this very model. */
export function assertPlanFits(
  plan: Plan,
  model: { readonly name: string; readonly fingerprint: string; readonly numBlocks: number },
  file: string,
): void {
  const planned = plan.model;
  if (planned.fingerprint === model.fingerprint && planned.numBlocks === model.numBlocks) return;
  const factsOf = ({ name, numBlocks, fingerprint }: typeof model): string =>
    `${name}, ${numBlocks} blocks, fingerprint ${fingerprint}`;
  const runs = runsOf(plan.edits);
  const fits = runs.length === plan.edits.length && plan.edits.every((edit) => spanOf(edit).last < model.numBlocks);
  throw new ContiguaError('plan-mismatch', 'The plan is for another model', {
    file,
    found: factsOf(planned),
    expected: factsOf(model),
    hint: fits
      ? `Open ${planned.name}, or choose the intervals ${formatLayerIndex(runs)} here by hand.`
      : `Open ${planned.name} to use it.`,
  });
}

function checkSize({ model: { numBlocks } }: { readonly model: { readonly numBlocks: number } }, file: string): void {
  if (numBlocks <= MAX_BLOCKS) return;
  throw new ContiguaError('plan-invalid', '`model.numBlocks` is more than any model has', {
    file,
    found: String(numBlocks),
    expected: `at most ${MAX_BLOCKS}`,
    hint: HINT,
  });
}

/** Versions 2 and 3 name the same places. */
function checkPlan(plan: Plan, file: string): void {
  checkSize(plan, file);
  checkStacks(plan.model, file, TOLD);
  checkEditOrder(plan, file);
  checkStreamChoice(plan, file);
  checkFacts(plan, file);
}

function checkEditOrder({ edits }: Plan, file: string): void {
  const ordered = edits.toSorted(compareEdits);
  edits.forEach((edit, i) => {
    if (edit === ordered[i]) return;
    const found = edit.on === 'run' ? `[${edit.first},${edit.last}]` : editKey(edit);
    throw inconsistent(file, `edits[${i}]`, found, 'edits in order of depth');
  });
}

function checkOrder(runs: readonly BlockInterval[], path: string, file: string): void {
  const ordered = runs.toSorted((a, b) => a.first - b.first);
  runs.forEach(({ first, last }, i) => {
    if (first === ordered[i]?.first) return;
    throw inconsistent(file, `${path}[${i}]`, `[${first},${last}]`, `${path} in order of depth`);
  });
}

function checkStreamChoice({ model: { streams }, settings }: Plan, file: string): void {
  const choices = ['mean', ...streams.map(({ id }) => id)];
  if (settings === null || choices.includes(settings.streams)) return;
  throw inconsistent(
    file,
    'settings.streams',
    printable(settings.streams),
    choices.map((id) => printable(id)).join(' or '),
  );
}

function checkFacts({ choice }: Plan, file: string): void {
  if (!choice?.facts) return;
  const { held, total } = choice.facts;
  if (held > total) throw inconsistent(file, 'choice.facts.held', String(held), `at most ${total}, the total`);
}

function inconsistent(file: string, path: string, found: string, expected: string): ContiguaError {
  return new ContiguaError('plan-invalid', `\`${path}\` contradicts the rest of the plan`, {
    file,
    found,
    expected,
    hint: HINT,
  });
}
