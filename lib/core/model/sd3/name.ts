import type { FamilyName } from '../family.ts';

export const sd3Name: FamilyName = { name: 'sd3', label: 'Stable Diffusion 3 and 3.5' };
