'use client';
/** The place of the trajectories, of their height, until there are some. */
import { type BlockAxis, blockAxis } from './block-axis.ts';
import styles from './charts.module.css';
import { drawEmptyTrajectories } from './draw-empty-trajectories.ts';
import { namesHeight } from './draw-seams.ts';
import { Marks } from './marks-view.tsx';
import { PAGE_PALETTE } from './palette.ts';
import { trajectoriesHeight } from './trajectory-rows.ts';
import type { TrajectoriesProps } from './types.ts';

/** The stacks' names keep off the line above the chart. */
export const namesRoom = (axis: BlockAxis): number => (namesHeight(axis) > 0 ? namesHeight(axis) + 6 : 0);

export function EmptyTrajectories({
  numBlocks,
  stacks,
  width,
}: Pick<TrajectoriesProps, 'numBlocks' | 'stacks' | 'width'>) {
  const axis = blockAxis(numBlocks, width, { stacks });
  const height = trajectoriesHeight(width);
  return (
    <div className={styles.trajectories} style={{ height, marginTop: namesRoom(axis) }}>
      <svg width={width} height={height} className={styles.passive} aria-hidden="true">
        <Marks marks={width > 0 ? drawEmptyTrajectories(axis, PAGE_PALETTE) : []} />
      </svg>
    </div>
  );
}
