/** What the planner may not do to blocks, drawn over their cells: a bar under a locked one, a hatched bar under a forbidden one. */
import { type BlockAxis, startOf } from './block-axis.ts';
import styles from './charts.module.css';
import type { StripRow } from './draw-layer-strip.ts';
import type { StripRules } from './types.ts';

export function StripRuleMarks({ axis, row, rules }: { axis: BlockAxis; row: StripRow; rules: StripRules }) {
  const place = (block: number) => ({
    left: startOf(axis, block) + 1,
    width: Math.max(1, axis.step - 2),
    top: row.top,
    height: row.height,
  });
  return (
    <>
      {rules.locked.map((block) => (
        <div key={`lock ${block}`} data-rule="lock" className={styles.rule} style={place(block)} />
      ))}
      {rules.forbidden.map((block) => (
        <div key={`forbid ${block}`} data-rule="forbid" className={styles.rule} style={place(block)} />
      ))}
    </>
  );
}

/** "locked for plans", "forbidden in plans"; null where the block is free. */
export function ruleWords(
  { locked, forbidden }: Pick<StripRules, 'locked' | 'forbidden'>,
  block: number,
): string | null {
  if (forbidden.includes(block)) return 'forbidden in plans';
  return locked.includes(block) ? 'locked for plans' : null;
}
