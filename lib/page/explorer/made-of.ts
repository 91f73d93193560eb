/**
 * What a result was made of, by name, so that it can be told from what the page says now: whether it is outdated, and by
 * what. Pure.
 */
export type MadeOf = Readonly<Record<string, string>>;

/** Names of what differs, in the order in which `now` has them. */
export function changedSince(made: MadeOf, now: MadeOf): readonly string[] {
  return Object.keys(now).filter((name) => made[name] !== now[name]);
}

export const isSame = (made: MadeOf | null, now: MadeOf | null): boolean =>
  made !== null && now !== null && changedSince(made, now).length === 0;

/** "seed and prompt changed" */
export function changedWords(changed: readonly string[]): string {
  const [last] = changed.slice(-1);
  const before = changed.slice(0, -1);
  return last === undefined ? '' : `${before.length > 0 ? `${before.join(', ')} and ` : ''}${last} changed`;
}
