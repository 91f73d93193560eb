/** The families that this product can open. Nothing else outside a family's folder names one (docs/families.md). */
import { ContiguaError } from '../errors.ts';
import type { Family } from './family.ts';
import { flux } from './flux/family.ts';
import { flux2 } from './flux2/family.ts';
import type { OriginalLayout } from './original-layout.ts';
import { qwenImage } from './qwen-image/family.ts';
import { sd3 } from './sd3/family.ts';

export const FAMILIES: readonly Family[] = [qwenImage, flux, sd3, flux2];

export function familyOfClass(className: string): Family | undefined {
  return FAMILIES.find(({ classNames }) => classNames.includes(className));
}

/** Throws `checkpoint-unsupported` for a name that this version does not know, as a newer plan may hold one. */
export function familyNamed(name: string): Family {
  const family = FAMILIES.find((one) => one.name === name);
  if (family) return family;
  throw new ContiguaError('checkpoint-unsupported', 'This version does not know the model family', {
    found: name,
    expected: FAMILIES.map((one) => one.name).join(' or '),
  });
}

/** Layouts of single files, of the family of this name or of all. */
export async function originalLayouts(family?: string): Promise<readonly OriginalLayout[]> {
  const asked = FAMILIES.filter(({ name }) => family === undefined || name === family);
  return (await Promise.all(asked.map(async (one) => (await one.originalLayouts?.()) ?? []))).flat();
}
