/** Names of all families, in the order of families.ts, without what opens them: the page lists families at its first load. */
import type { FamilyName } from './family.ts';
import { fluxName } from './flux/name.ts';
import { flux2Name } from './flux2/name.ts';
import { qwenImageName } from './qwen-image/name.ts';
import { sd3Name } from './sd3/name.ts';

export const FAMILY_NAMES: readonly FamilyName[] = [qwenImageName, fluxName, sd3Name, flux2Name];
