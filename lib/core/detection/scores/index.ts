/** The damage scores, one file each: a new one is a file and a line here. Columns of tables keep this order. */
import { cka } from './cka.ts';
import { direction } from './direction.ts';
import { early } from './early.ts';
import { influence } from './influence.ts';
import { linear } from './linear.ts';
import { linearEarly } from './linear-early.ts';
import { mse } from './mse.ts';
import { probe } from './probe.ts';
import { probed } from './probed.ts';
import { removed } from './removed.ts';
import type { Score } from './score.ts';

const ALL = [removed, probed, cka, probe, direction, early, influence, mse, linear, linearEarly] as const;
/** What the others are held against: the blocks were taken out and the output compared. */
export const REFERENCE_SCORE: DamageScore = removed.name;

/** A score by its name. */
export type DamageScore = (typeof ALL)[number]['name'];
export type NamedScore = Score & { readonly name: DamageScore };
export const DAMAGE_SCORES: readonly NamedScore[] = ALL;
/**
 * Ranks on the page, in the slider, in the choice of least total and in `contigua plan`; chosen by docs/damage-scores.md. One
 * that has to be measured may be named here as well: until it is, `STAND_IN_SCORE` ranks (usable-score.ts).
 */
export const DEFAULT_DAMAGE_SCORE: DamageScore = linearEarly.name;
/** Of every report, whatever was measured. */
export const STAND_IN_SCORE: DamageScore = cka.name;

export function scoreNamed(name: DamageScore): NamedScore {
  const score = DAMAGE_SCORES.find((one) => one.name === name);
  if (!score) throw new RangeError(`No damage score is called ${name}`);
  return score;
}
