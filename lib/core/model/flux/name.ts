import type { FamilyName } from '../family.ts';

export const fluxName: FamilyName = { name: 'flux', label: 'FLUX.1' };
