import type { PlanPoint } from '../lib/core/planner/index.ts';

/** A predicted damage for people: in percent where it is a share of the output's size. */
export function damageWords(damage: number, isShare: boolean): string {
  return isShare ? `${(100 * damage).toFixed(2)} %` : damage.toPrecision(3);
}

export function rangedDamage({ damage, bounds }: Pick<PlanPoint, 'damage' | 'bounds'>, isShare: boolean): string {
  const words = (value: number) => damageWords(value, isShare);
  return bounds ? `${words(damage)} (${words(bounds.low)} to ${words(bounds.high)})` : words(damage);
}
