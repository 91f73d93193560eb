/** Modulations that blocks share: fitted in closed form, with the error of every rank at held-out timesteps. */
export { conditioningsAt } from './conditionings.ts';
export {
  type BasisParts,
  type FitOptions,
  type FittedModulations,
  fitModulations,
  rankWithin,
} from './fit-modulations.ts';
export { modulationsFile, type TableParts } from './modulations-file.ts';
export {
  type FoundModulation,
  type FoundModulations,
  type ModulationRequest,
  parseModulationRequest,
} from './request.ts';
export { type SharedBlocks, sharedConditioning } from './shared-conditioning.ts';
export { sharedModel, type WholeModel } from './shared-model.ts';
export { type Schedule, scheduledTimesteps, type VisitedTimesteps, visitedTimesteps } from './timesteps.ts';
