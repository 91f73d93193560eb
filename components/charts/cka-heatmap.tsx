'use client';
/**
 * CKA of all block pairs of one stream: a canvas under an SVG overlay. Drag along the diagonal to choose an interval;
 * the cross-hair is linked to every other chart, moves with the arrow keys, and Shift+arrow marks an interval for Enter.
 */
import { type KeyboardEvent, type PointerEvent, useEffect, useId, useMemo, useRef, useState } from 'react';
import type { BlockInterval } from '@/lib/core/interval/interval.ts';
import { type BlockAxis, blockAt, depthOf, shortPlace } from './block-axis.ts';
import styles from './charts.module.css';
import {
  drawCrossHair,
  drawHeatmapFrame,
  drawHeatmapSeams,
  drawMissingCells,
  drawRefusedSquare,
  drawSquares,
  heatmapLayout,
  paintMatrix,
} from './draw-heatmap.ts';
import { Marks } from './marks-view.tsx';
import { boundsText, similarityText, spanText } from './number-text.ts';
import { PAGE_PALETTE } from './palette.ts';
import { type BlockPart, whyNoPart } from './stream-part.ts';
import { brushed, isInterval } from './strip-intents.ts';
import { type CkaHeatmapProps, NO_HOVER } from './types.ts';

interface Cell {
  readonly column: number;
  readonly row: number;
}
const UNKNOWN: readonly BlockPart[] = [];
/** The diagonal interval that a drag from one cell to another spans. */
const spanned = (from: Cell, to: Cell): BlockInterval => ({
  first: Math.min(from.column, from.row, to.column, to.row),
  last: Math.max(from.column, from.row, to.column, to.row),
});

export function CkaHeatmap(props: CkaHeatmapProps) {
  const { width, numBlocks, hovered, onHover, selection, detected, stream, matrix, estimator, domain, onAdd } = props;
  const { stacks, blocks = UNKNOWN, colours = 'viridis', bounds = null } = props;
  const layout = useMemo(() => heatmapLayout(numBlocks, width, stacks), [numBlocks, width, stacks]);
  const gradientId = useId();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [focused, setFocused] = useState(false);
  const [from, setFrom] = useState<Cell | null>(null);
  const [to, setTo] = useState<Cell | null>(null);
  const [notice, setNotice] = useState<string | null>(null);
  const { axis, side, top } = layout;
  const depth = depthOf(axis);
  const covered = from && to ? spanned(from, to) : null;
  const { range: draft, refused } =
    from && covered ? brushed(covered, spanned(from, from), depth) : { range: null, refused: null };

  useEffect(() => {
    const node = canvas.current;
    const context = node?.getContext('2d');
    if (!node || !context || side <= 0) return;
    const sidePx = Math.round(side * window.devicePixelRatio);
    node.width = sidePx;
    node.height = sidePx;
    if (matrix) paintMatrix(context, matrix, layout.axis, sidePx, domain, colours);
  }, [matrix, layout.axis, side, domain, colours]);

  const frame = useMemo(
    () => drawHeatmapFrame(layout, domain, colours, PAGE_PALETTE, gradientId),
    [layout, domain, colours, gradientId],
  );
  const missing = useMemo(() => (matrix ? drawMissingCells(matrix, layout, PAGE_PALETTE) : []), [matrix, layout]);
  const squares = useMemo(
    () => [
      ...drawHeatmapSeams(layout, PAGE_PALETTE),
      ...drawSquares(detected, 'detected', layout, PAGE_PALETTE),
      ...drawSquares(selection, 'chosen', layout, PAGE_PALETTE),
    ],
    [detected, selection, layout],
  );
  if (width <= 0) return <div className={styles.heatmap} style={{ aspectRatio: 0.88 }} />;

  const column = hovered.block;
  const row = hovered.other ?? null;
  const valueAt = (i: number, j: number) => {
    const [low, high] = [bounds?.low[i]?.[j] ?? null, bounds?.high[i]?.[j] ?? null];
    const isKnown = i !== j && low !== null && high !== null;
    return `${similarityText(matrix?.[i]?.[j])}${isKnown ? ` (95 % of resamples: ${boundsText(low, high)})` : ''}`;
  };
  const readout = () => {
    if (refused) return refused.reason;
    if (isInterval(draft)) {
      return `Blocks ${spanText(draft)} · state CKA of its ends ${valueAt(draft.first, draft.last)}`;
    }
    if (notice !== null) return notice;
    if (!matrix) return '';
    if (column === null) return 'Drag along the diagonal to choose an interval.';
    const other = row ?? column;
    const value = matrix[other]?.[column];
    const reason = whyNoPart(blocks, stream, column) ?? whyNoPart(blocks, stream, other);
    const why = value === null && reason ? `: ${reason}` : '';
    return `${pairText(axis, other, column)} · state CKA ${valueAt(other, column)}${why}`;
  };

  const cellUnder = (event: PointerEvent<HTMLElement>): Cell => {
    const box = event.currentTarget.getBoundingClientRect();
    return {
      column: blockAt(axis, event.clientX - box.left + axis.left),
      row: blockAt(axis, event.clientY - box.top + axis.left),
    };
  };
  const drop = () => {
    setFrom(null);
    setTo(null);
  };
  const commit = () => {
    if (isInterval(draft)) onAdd(draft);
    setNotice(refused && !isInterval(draft) ? refused.reason : null);
    drop();
  };
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    setNotice(null);
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (move) {
      const here: Cell = { column: column ?? 0, row: row ?? column ?? 0 };
      const clamp = (block: number) => Math.min(numBlocks - 1, Math.max(0, block));
      const next: Cell = { column: clamp(here.column + (move[0] ?? 0)), row: clamp(here.row + (move[1] ?? 0)) };
      if (event.shiftKey) {
        if (!from) setFrom(here);
        setTo(next);
      } else drop();
      onHover({ block: next.column, other: next.row });
    } else if (event.key === 'Enter') {
      // Without a marked range, an off-diagonal cell itself names an interval: from its row to its column.
      if (!draft && column !== null && row !== null) {
        const cell = { column, row };
        const interval = spanned(cell, cell);
        const { range, refused: crossing } = brushed(interval, interval, depth);
        if (isInterval(range)) onAdd(range);
        else if (crossing) setNotice(crossing.reason);
      } else commit();
    } else if (event.key === 'Escape') drop();
    else return;
    event.preventDefault();
  };

  const name = `State CKA between blocks, ${stream.label} stream, ${estimator} estimator`;
  return (
    <div className={styles.heatmap} style={{ width, height: layout.height }}>
      <svg width={width} height={layout.height} className={styles.passive} aria-hidden="true">
        <Marks marks={frame} />
      </svg>
      <canvas ref={canvas} style={{ left: axis.left, top, width: side, height: side }} />
      <svg width={width} height={layout.height} className={styles.passive} aria-hidden="true">
        <Marks marks={missing} />
        <Marks marks={squares} />
        {refused && covered && <Marks marks={drawRefusedSquare(covered, isInterval(draft) ? draft : null, layout)} />}
        {isInterval(draft) && <Marks marks={drawSquares([draft], 'draft', layout, PAGE_PALETTE)} />}
        <Marks marks={drawCrossHair(column, row, layout)} />
      </svg>
      <div
        role="application"
        aria-label={name}
        aria-roledescription="heatmap"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: arrow keys move its cross-hair
        tabIndex={0}
        className={styles.surface}
        style={{ left: axis.left, top, width: side, height: side }}
        onFocus={() => {
          setFocused(true);
          if (hovered.block === null) onHover({ block: 0, other: 0 });
        }}
        onBlur={() => {
          setFocused(false);
          drop();
          onHover(NO_HOVER);
        }}
        onKeyDown={onKeyDown}
        onPointerDown={(event) => {
          if (event.button !== 0) return;
          event.currentTarget.setPointerCapture(event.pointerId);
          const cell = cellUnder(event);
          setFrom(cell);
          setTo(cell);
          setNotice(null);
        }}
        onPointerMove={(event) => {
          const cell = cellUnder(event);
          onHover({ block: cell.column, other: cell.row });
          if (from && event.buttons === 1) setTo(cell);
        }}
        onPointerUp={(event) => {
          // A drag over one off-diagonal cell is a click, not an interval.
          const cell = cellUnder(event);
          if (from && (cell.column !== from.column || cell.row !== from.row)) commit();
          else drop();
        }}
        onPointerCancel={drop}
        onPointerLeave={() => onHover(NO_HOVER)}
      />
      <div
        className={styles.readout}
        style={{ top: layout.readoutTop, left: axis.left }}
        aria-live={focused ? 'polite' : 'off'}
      >
        {readout()}
      </div>
    </div>
  );
}

/** "Block 3", "Blocks 3 and 12"; where there are several stacks, with each block's place in its own. */
function pairText(axis: BlockAxis, row: number, column: number): string {
  const named = (block: number) => {
    const place = shortPlace(axis, block);
    return place ? `${block} (${place})` : `${block}`;
  };
  return row === column ? `Block ${named(column)}` : `Blocks ${named(row)} and ${named(column)}`;
}
