/**
 * Reads a plan.json back: right shape (`plan-invalid` names the place), consistent in itself, and of the model at hand
 * (`plan-mismatch` names both).
 */

import { editSetOf } from '../edit/index.ts';
import { ContiguaError } from '../errors.ts';
import { formatLayerIndex, removedCount } from '../interval/index.ts';
import { MAX_JSON_BYTES } from '../json-text.ts';
import { MAX_BLOCKS } from '../model/config-index.ts';
import { type JsonFileVersion, parseJsonFile } from '../report/index.ts';
import { blockMapOf } from './block-map.ts';
import { PLAN_VERSION, type Plan } from './plan.ts';
import { planSchema } from './schema.ts';
import { planV1 } from './schema-v1.ts';
import { upgradePlan } from './upgrade.ts';

const HINT = 'Write one with Download plan or `contigua plan`.';

const VERSIONS: readonly JsonFileVersion<Plan>[] = [
  { version: 1, read: (value, check) => upgradePlan(check(value, planV1)) },
  { version: PLAN_VERSION, read: (value, check) => check(value, planSchema) },
];

export function parsePlan(text: string, file: string): Plan {
  const plan = parseJsonFile(text, file, VERSIONS, {
    code: 'plan-invalid',
    expected: 'a plan.json of Contigua',
    hint: HINT,
    maxBytes: MAX_JSON_BYTES.plan,
  });
  const { numBlocks } = plan.model;
  if (numBlocks > MAX_BLOCKS) {
    throw new ContiguaError('plan-invalid', '`model.numBlocks` is more than any model has', {
      file,
      found: String(numBlocks),
      expected: `at most ${MAX_BLOCKS}`,
      hint: HINT,
    });
  }
  checkStacks(plan, file);
  const set = editSetOf(plan.edits, plan.model, file);
  plan.edits.forEach(({ first, last }, i) => {
    if (first === set[i]?.first) return;
    throw inconsistent(file, `edits[${i}]`, `[${first},${last}]`, 'edits in order of depth');
  });
  const after = numBlocks - removedCount(set);
  if (plan.blocks.before !== numBlocks || plan.blocks.after !== after) {
    const { before: foundBefore, after: foundAfter } = plan.blocks;
    throw inconsistent(file, 'blocks', `${foundBefore} → ${foundAfter}`, `${numBlocks} → ${after}`);
  }
  const map = blockMapOf(numBlocks, set);
  if (plan.blockMap.length !== map.length) {
    throw inconsistent(file, 'blockMap', `${plan.blockMap.length} entries`, `${map.length}, one per block`);
  }
  map.forEach((entry, i) => {
    const found = plan.blockMap[i];
    if (found?.old === entry.old && found.new === entry.new && found.fate === entry.fate) return;
    throw inconsistent(file, `blockMap[${i}]`, JSON.stringify(found), `${JSON.stringify(entry)}, as the edits say`);
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
  const fits = plan.edits.every(({ last }) => last < model.numBlocks);
  throw new ContiguaError('plan-mismatch', 'The plan is for another model', {
    file,
    found: factsOf(planned),
    expected: factsOf(model),
    hint: fits
      ? `Open ${planned.name}, or choose the intervals ${formatLayerIndex(plan.edits)} here by hand.`
      : `Open ${planned.name} to use it.`,
  });
}

/** Stacks follow each other without a gap, from the first block to the last. */
function checkStacks({ model: { numBlocks, stacks } }: Plan, file: string): void {
  let next = 0;
  for (const [i, { first, last }] of stacks.entries()) {
    if (first !== next || last < first) {
      throw inconsistent(file, `model.stacks[${i}]`, `${first} to ${last}`, `a stack that begins at block ${next}`);
    }
    next = last + 1;
  }
  if (next !== numBlocks) throw inconsistent(file, 'model.stacks', `${next} blocks`, `${numBlocks}`);
}

function inconsistent(file: string, path: string, found: string, expected: string): ContiguaError {
  return new ContiguaError('plan-invalid', `\`${path}\` contradicts the rest of the plan`, {
    file,
    found,
    expected,
    hint: HINT,
  });
}
