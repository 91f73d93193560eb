import type { Mixes } from './mixed-plans.ts';
export const mixedTables = (mixes: Mixes): string => JSON.stringify(mixes.plans.length);
