/**
 * The timesteps that conditionings are taken at: as many levels of the scheduler as it was trained with, from 1 down, shifted as it
 * shifts them. Its density of levels is the weight of a timestep, so that each counts alike. Held out are the levels half way between.
 * The sinusoids of the time embedding turn up to 1000 radians between 0 and 1; fewer levels would miss turns between them.
 */
import { familyNamed, type ModelConfig } from '../model/index.ts';
import { flowMatchSigmas, parseSchedulerConfig, type SchedulerConfig } from '../sampling/index.ts';

export interface VisitedTimesteps {
  /** In the unit of diffusers' `timestep`. */
  readonly fitted: Float32Array;
  readonly heldOut: Float32Array;
  /** For people. */
  readonly about: string;
}

export interface Schedule {
  /** Null is unshifted: all levels alike. */
  readonly scheduler: SchedulerConfig | null;
  /** Of a picture, which a shift may depend on. */
  readonly imageTokens: number;
}

export function visitedTimesteps(config: ModelConfig, { scheduler, imageTokens }: Schedule): VisitedTimesteps {
  const levels = flowMatchSigmas(scheduler ?? UNSHIFTED, (scheduler ?? UNSHIFTED).trainTimesteps, imageTokens).slice(
    0,
    -1,
  );
  const { timeScale } = familyNamed(config.family);
  const between = levels.slice(1).map((level, i) => (level + levels[i]!) / 2);
  return {
    fitted: Float32Array.from(levels, (level) => timeScale * level),
    heldOut: Float32Array.from(between, (level) => timeScale * level),
    about: `${levels.length} levels of ${scheduler ? 'the model’s scheduler' : 'an unshifted scheduler'}, alike; held out: those between`,
  };
}

/** The timesteps of a schedule of `steps` steps, and those that every forward of the model takes as well, for a table. */
export function scheduledTimesteps(config: ModelConfig, { scheduler, imageTokens }: Schedule, steps: number): number[] {
  const { timeScale, alwaysTimesteps } = familyNamed(config.family);
  const scheduled = flowMatchSigmas(scheduler ?? UNSHIFTED, steps, imageTokens)
    .slice(0, -1)
    .map((level) => timeScale * level);
  return [...new Set([...scheduled, ...(alwaysTimesteps?.(config) ?? [])])];
}

const UNSHIFTED = parseSchedulerConfig('{}', 'scheduler_config.json');
