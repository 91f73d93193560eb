/** Readers of files and their schemas: loaded when a file or a kept analysis is read, not with the page. */
export { fileDigits, readText } from '@/lib/core/checkpoint/index.ts';
export { MAX_JSON_BYTES } from '@/lib/core/json-text.ts';
export { assertPlanFits, parsePlan } from '@/lib/core/plan/index.ts';
export { misfitOf } from './calibration-fit.ts';
export { holdsModel } from './holds-model.ts';
export { measurementOf } from './plan-measurement.ts';
