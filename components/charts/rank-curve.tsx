'use client';
/** Error of shared modulations against rank, both on logarithmic axes: a rank is taken by a click, the chosen one is marked. */
import { useMemo, useState } from 'react';
import styles from './charts.module.css';
import { drawRankCurve, RANK_CURVE_HEIGHT, rankAt, rankScales } from './draw-rank-curve.ts';
import { Marks } from './marks-view.tsx';
import { PAGE_PALETTE } from './palette.ts';

interface RankCurveProps {
  readonly width: number;
  /** By rank from 0. */
  readonly errors: readonly number[];
  /** Null where none is chosen. */
  readonly rank: number | null;
  /** What a rank leaves and saves. */
  readonly inWords: (rank: number) => string;
  readonly onRank: (rank: number) => void;
}

export function RankCurve({ width, errors, rank, inWords, onRank }: RankCurveProps) {
  const [hovered, setHovered] = useState<number | null>(null);
  const scales = useMemo(() => rankScales(errors, width), [errors, width]);
  const marks = useMemo(
    () => drawRankCurve(errors, scales, { rank, hovered }, PAGE_PALETTE),
    [errors, scales, rank, hovered],
  );
  const at = (event: { readonly clientX: number; readonly currentTarget: Element }) =>
    rankAt(scales, event.clientX - event.currentTarget.getBoundingClientRect().left);
  const told = hovered ?? rank;
  return (
    <figure style={{ width }}>
      <svg
        width={width}
        height={RANK_CURVE_HEIGHT}
        className={styles.pick}
        aria-hidden="true"
        onPointerMove={(event) => setHovered(at(event))}
        onPointerLeave={() => setHovered(null)}
        onClick={(event) => onRank(at(event))}
      >
        <Marks marks={marks} />
      </svg>
      <figcaption className={styles.told}>{told === null ? 'Click a rank to choose it.' : inWords(told)}</figcaption>
    </figure>
  );
}
