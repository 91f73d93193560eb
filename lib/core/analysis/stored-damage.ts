/**
 * Damage that is kept in a store as soon as it is measured: what an earlier measurement of the same analysis found is read, and the
 * others are measured. Whoever brings a store brings one for this model, calibration, settings and engine alone.
 */
import type { NamedPart } from '../detection/index.ts';
import type { RunEdit } from '../edit/index.ts';
import type { Transformer } from '../model/index.ts';
import { jsonPiece, putJson, type StateStore } from '../states/index.ts';
import { type Damage, type DamageInputs, type EditDamageOptions, editDamage, partDamage } from './edit-damage.ts';

/** As `editDamage`; `onMeasured` is told of what is stored first. Nothing is kept without a store. */
export async function storedDamage(
  transformer: Transformer,
  inputs: DamageInputs,
  edits: readonly RunEdit[],
  store: StateStore | null,
  options: EditDamageOptions = {},
): Promise<Damage[]> {
  const keyOf = ({ first, last, by }: RunEdit) => `damage/${inputs.samples.length}-${first}-${last}-${by}`;
  return await storedEach(store, edits, keyOf, options, async (missing, own) => {
    await editDamage(transformer, inputs, missing, own);
  });
}

/** As `partDamage`, likewise. */
export async function storedParts(
  transformer: Transformer,
  inputs: DamageInputs,
  parts: readonly NamedPart[],
  store: StateStore | null,
  options: EditDamageOptions = {},
): Promise<Damage[]> {
  const keyOf = ({ block, part }: NamedPart) => `part/${inputs.samples.length}-${block}-${part}`;
  return await storedEach(store, parts, keyOf, options, async (missing, own) => {
    await partDamage(transformer, inputs, missing, own);
  });
}

async function storedEach<T>(
  store: StateStore | null,
  items: readonly T[],
  keyOf: (item: T) => string,
  options: EditDamageOptions,
  measure: (missing: readonly T[], options: EditDamageOptions) => Promise<void>,
): Promise<Damage[]> {
  const found = new Map<number, Damage>();
  for (const [index, item] of items.entries()) {
    const damage = store && (await jsonPiece<Damage>(store, keyOf(item)));
    if (!damage) continue;
    found.set(index, damage);
    await options.onMeasured?.(index, damage);
  }
  const missing = [...items.keys()].filter((index) => !found.has(index));
  await measure(
    missing.map((index) => items[index]!),
    {
      ...options,
      async onMeasured(i, damage) {
        const index = missing[i]!;
        if (store) await putJson(store, keyOf(items[index]!), damage);
        found.set(index, damage);
        await options.onMeasured?.(index, damage);
      },
    },
  );
  return items.map((_, index) => found.get(index)!);
}
