import type { FamilyName } from '../family.ts';

export const flux2Name: FamilyName = { name: 'flux2', label: 'FLUX.2' };
