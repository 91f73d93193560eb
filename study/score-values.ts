/** A score as the study judges it: values by interval, wherever they come from. */

export interface ScoreValues {
  readonly name: string;
  readonly about: string;
  /** By interval key; intervals that it cannot say are left out. */
  readonly values: ReadonlyMap<string, number>;
}
