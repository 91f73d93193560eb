'use client';
/**
 * Rows of noise levels over the shared block axis. Point at a cell for its value, click a row to read every chart at that
 * level; the arrow keys move a cursor over the cells and Enter takes its row. A hidden table holds all values.
 */
import { type KeyboardEvent, memo, type PointerEvent, useMemo, useState } from 'react';
import { blockAt, shortPlace } from './block-axis.ts';
import styles from './charts.module.css';
import {
  drawEmptyNoiseRows,
  drawNoiseCursor,
  drawNoiseLegend,
  drawNoiseRows,
  type NoiseRowsData,
  noiseLayout,
} from './draw-noise-rows.ts';
import { Marks } from './marks-view.tsx';
import { PAGE_PALETTE } from './palette.ts';
import { type LinkedChartProps, NO_HOVER } from './types.ts';
import { useAfterPaint } from './use-after-paint.ts';

export interface NoiseRowsProps
  extends Pick<LinkedChartProps, 'width' | 'numBlocks' | 'stacks' | 'hovered' | 'onHover'> {
  /** Null before an analysis, and of one that holds no levels apart. Memoise it. */
  readonly data: NoiseRowsData | null;
  /** The row whose figures the other charts show. */
  readonly selected: string;
  readonly onSelect: (id: string) => void;
}

/** All timesteps, early, middle, late: the height is the same before there are any. */
const ROWS = 4;

export function NoiseRows({ width, numBlocks, stacks, hovered, onHover, data, selected, onSelect }: NoiseRowsProps) {
  const rows = data?.rows.length ?? ROWS;
  const layout = useMemo(() => noiseLayout(numBlocks, width, rows, stacks), [numBlocks, width, rows, stacks]);
  const marks = useMemo(
    () =>
      data && width > 0
        ? [...drawNoiseRows(data, layout, PAGE_PALETTE, selected), ...drawNoiseLegend(data, layout, PAGE_PALETTE)]
        : drawEmptyNoiseRows(layout, PAGE_PALETTE),
    [data, layout, selected, width],
  );
  const listed = useAfterPaint(useMemo(() => data && { data, numBlocks }, [data, numBlocks]));
  const [row, setRow] = useState<number | null>(null);
  const [focused, setFocused] = useState(false);
  const { axis, tops, bottom, readoutTop, height } = layout;
  const block = hovered.block;
  const cursor = useMemo(() => drawNoiseCursor(layout, data ? block : null, row), [layout, data, block, row]);
  if (width <= 0) return <div style={{ height }} />;

  const at = row === null ? undefined : data?.rows[row];
  const rowUnder = (event: PointerEvent<HTMLElement>) => {
    const y = event.clientY - event.currentTarget.getBoundingClientRect().top;
    return Math.max(
      0,
      tops.findLastIndex((top) => top <= y),
    );
  };
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !data) return;
    const [column, line] = [block ?? 0, row ?? 0];
    const moves: Record<string, readonly [column: number, line: number]> = {
      ArrowLeft: [column - 1, line],
      ArrowRight: [column + 1, line],
      ArrowUp: [column, line - 1],
      ArrowDown: [column, line + 1],
      Home: [0, line],
      End: [numBlocks - 1, line],
    };
    const move = moves[event.key];
    if (move) {
      onHover({ block: Math.min(numBlocks - 1, Math.max(0, move[0])) });
      setRow(Math.min(data.rows.length - 1, Math.max(0, move[1])));
    } else if ((event.key === 'Enter' || event.key === ' ') && at) onSelect(at.id);
    else return;
    event.preventDefault();
  };
  const readout = () => {
    if (!data) return '';
    if (block === null) return 'Point at a cell for its value; click a row to read every chart at its noise level.';
    const place = shortPlace(axis, block);
    const values = (at ? [at] : data.rows).map(({ label, words, values: of }) => {
      return `${at ? words : label} ${data.text(of[block] ?? null)}`;
    });
    return (
      <>
        <b>Block {block}</b>
        {place && ` (${place})`}
        {` · ${data.measure}: ${values.join(', ')}`}
      </>
    );
  };
  return (
    <div className={styles.trajectories} style={{ width, height }}>
      <svg width={width} height={height} className={styles.passive} aria-hidden="true">
        <Marks marks={marks} />
        <Marks marks={cursor} />
      </svg>
      {data && (
        <div
          role="application"
          aria-label={`Noise levels: ${data.measure}`}
          aria-roledescription="heatmap"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: arrow keys move its cursor
          tabIndex={0}
          className={`${styles.surface} ${styles.startRow}`}
          style={{ left: 0, width: axis.end, top: 0, height: bottom }}
          onFocus={() => {
            setFocused(true);
            if (hovered.block === null) onHover({ block: 0 });
            setRow((now) => now ?? 0);
          }}
          onBlur={() => {
            setFocused(false);
            setRow(null);
            onHover(NO_HOVER);
          }}
          onKeyDown={onKeyDown}
          onPointerMove={(event) => {
            const x = event.clientX - event.currentTarget.getBoundingClientRect().left;
            onHover(x < axis.left ? NO_HOVER : { block: blockAt(axis, x) });
            setRow(rowUnder(event));
          }}
          onPointerLeave={() => {
            setRow(null);
            onHover(NO_HOVER);
          }}
          onClick={() => {
            if (at) onSelect(at.id);
          }}
        />
      )}
      <div className={styles.readout} style={{ top: readoutTop }} aria-live={focused ? 'polite' : 'off'}>
        {readout()}
      </div>
      {listed && <NoiseTable {...listed} />}
    </div>
  );
}

/** The text alternative: every cell, for screen readers. */
const NoiseTable = memo(function NoiseTable({ data, numBlocks }: { data: NoiseRowsData; numBlocks: number }) {
  return (
    // A table is never narrower than its content, so that the clipping box is around it.
    <div className={styles.hidden}>
      <table>
        <caption>{data.measure}, by block and noise level</caption>
        <thead>
          <tr>
            <th scope="col">Block</th>
            {data.rows.map(({ id, words }) => (
              <th key={id} scope="col">
                {words}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {Array.from({ length: numBlocks }, (_, block) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: the index is the block
            <tr key={block}>
              <th scope="row">{block}</th>
              {data.rows.map(({ id, values }) => (
                <td key={id}>{data.text(values[block] ?? null)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
});
