'use client';
/**
 * Similarity of the surrogate from a start block on, and its difference, under one another on the block axis. Point at
 * a block and click to start there; the slider `Start block` does the same with the arrow keys. A start that is pointed
 * at, in its row or by its detected interval anywhere on the page, shows its curves and what ends its run.
 */
import { type KeyboardEvent, type PointerEvent, useId, useMemo, useState } from 'react';
import { containsInterval } from '@/lib/core/interval/index.ts';
import { blockAt, centreOf, shortPlace } from './block-axis.ts';
import styles from './charts.module.css';
import { endWords } from './draw-decision.ts';
import { drawStackNames, namesHeight } from './draw-seams.ts';
import {
  drawChosenBands,
  drawDifferenceGrid,
  drawTrajectory,
  drawTrajectoryBackground,
  drawTrajectoryLabels,
} from './draw-trajectories.ts';
import { EmptyTrajectories, namesRoom } from './empty-trajectories.tsx';
import { HoverBands } from './hover-bands.tsx';
import { Marks } from './marks-view.tsx';
import { boundsText, differenceText, similarityText } from './number-text.ts';
import { PAGE_PALETTE } from './palette.ts';
import { type BlockPart, whyNoPart } from './stream-part.ts';
import { curveLabel, curveNames, curveRow, streamsInMean } from './trajectory-curves.ts';
import { TRAJECTORY_ROWS, trajectoriesHeight } from './trajectory-rows.ts';
import { differencesScale, similarityScale } from './trajectory-scales.ts';
import { type Hover, NO_HOVER, type TrajectoriesProps, type TrajectoryStream } from './types.ts';

const UNKNOWN: readonly BlockPart[] = [];

export function Trajectories(props: TrajectoriesProps) {
  const {
    width,
    numBlocks,
    stacks,
    blocks = UNKNOWN,
    hovered,
    onHover,
    selection,
    detected,
    curves,
    scale,
    startWords,
    onStart,
  } = props;
  const chosen = Math.min(Math.max(0, numBlocks - 1), props.start);
  const [pointed, setPointed] = useState<number | null>(null);
  const start = pointed ?? startOfHovered(hovered, detected) ?? chosen;
  const clipId = useId();
  const height = trajectoriesHeight(width);
  const background = useMemo(() => {
    if (!curves || width <= 0) return null;
    const data = { numBlocks, stacks, blocks, detected, curves };
    const upper = similarityScale(data, width);
    return {
      upper,
      names: drawStackNames(upper.axis, 0, PAGE_PALETTE),
      marks: drawTrajectoryBackground(data, upper, PAGE_PALETTE),
    };
  }, [numBlocks, stacks, blocks, detected, curves, width]);
  const chosenBands = useMemo(
    () => (background ? drawChosenBands(selection, background.upper.axis, PAGE_PALETTE) : []),
    [background, selection],
  );
  const drawn = useMemo(() => {
    if (!curves || !background) return null;
    const data = { numBlocks, stacks, blocks, detected, curves, start, scale };
    const scales = { ...background.upper, ...differencesScale(data) };
    return {
      axis: scales.axis,
      grid: drawDifferenceGrid(scales.axis, scales, PAGE_PALETTE),
      lines: drawTrajectory(data, scales, PAGE_PALETTE, clipId),
      labels: drawTrajectoryLabels(data, scales, PAGE_PALETTE),
    };
  }, [background, numBlocks, stacks, blocks, detected, curves, start, scale, clipId]);
  if (!drawn || !background || !curves) {
    return <EmptyTrajectories numBlocks={numBlocks} stacks={stacks} width={width} />;
  }

  const { axis } = drawn;
  const { cka: upper, difference: lower, numbers, start: handle, readout } = TRAJECTORY_ROWS;
  const startRowHeight = handle.top + handle.height - numbers.top;
  const plotHeight = lower.top + lower.height - upper.top;
  const { cka, differences, stream, bounds } = curves;
  const k = hovered.block;
  const valueAt = (name: TrajectoryStream) => {
    if (k === null) return '';
    const value = curveRow(cka, name, start)[k];
    if (name === 'mean') {
      const [only, another] = streamsInMean(curves, start, k);
      return `mean ${similarityText(value)}${only && !another ? ` (${only.label} alone)` : ''}`;
    }
    const spec = curves.streams.find(({ id }) => id === name);
    const reason = value === null && spec ? (whyNoPart(blocks, spec, k) ?? whyNoPart(blocks, spec, start)) : null;
    const [low, high] = [bounds?.[name]?.low[start]?.[k] ?? null, bounds?.[name]?.high[start]?.[k] ?? null];
    // The start itself is the model's own state.
    const between = k > start && low !== null && high !== null ? ` (${boundsText(low, high)})` : '';
    return `${curveLabel(curves, name)} ${similarityText(value)}${between}${reason ? `: ${reason}` : ''}`;
  };
  const blockUnder = (event: PointerEvent<HTMLElement>) => {
    const chart = event.currentTarget.parentElement;
    return blockAt(axis, event.clientX - (chart?.getBoundingClientRect().left ?? 0));
  };
  const choose = (block: number) => {
    const next = Math.min(numBlocks - 1, Math.max(0, block));
    setPointed(null);
    if (next !== chosen) onStart(next);
  };
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const targets: Record<string, number> = {
      ArrowLeft: chosen - 1,
      ArrowDown: chosen - 1,
      ArrowRight: chosen + 1,
      ArrowUp: chosen + 1,
      Home: 0,
      End: numBlocks - 1,
    };
    const target = targets[event.key];
    if (target === undefined) return;
    event.preventDefault();
    choose(target);
  };
  return (
    <div className={styles.trajectories} style={{ width, height, marginTop: namesRoom(axis) }}>
      <svg
        width={width}
        height={namesHeight(axis)}
        className={styles.passive}
        style={{ top: -namesHeight(axis) }}
        aria-hidden="true"
      >
        <Marks marks={background.names} />
      </svg>
      <svg width={width} height={height} className={styles.passive} aria-hidden="true">
        <HoverBands axis={axis} hovered={hovered} top={upper.top} height={plotHeight} />
        <Marks marks={chosenBands} />
        <Marks marks={background.marks} />
        <Marks marks={drawn.grid} />
        <Marks marks={drawn.lines} />
        <Marks marks={drawn.labels} />
      </svg>
      {/* The mouse's way; the keyboard's is the slider below. */}
      <div
        aria-hidden="true"
        className={styles.surface}
        style={{ left: axis.left, width: axis.end - axis.left, top: upper.top, height: plotHeight }}
        onPointerMove={(event) => onHover({ block: blockUnder(event) })}
        onPointerLeave={() => onHover(NO_HOVER)}
        onPointerDown={(event) => {
          if (event.button === 0) choose(blockUnder(event));
        }}
      />
      {/* The row of starts: pointing at one shows its run before it is chosen. */}
      <div
        aria-hidden="true"
        className={`${styles.surface} ${styles.startRow}`}
        style={{ left: axis.left, width: axis.end - axis.left, top: numbers.top, height: startRowHeight }}
        onPointerMove={(event) => setPointed(blockUnder(event))}
        onPointerLeave={() => setPointed(null)}
        onPointerDown={(event) => {
          if (event.button === 0) choose(blockUnder(event));
        }}
      />
      <div
        role="slider"
        tabIndex={0}
        aria-label="Start block"
        aria-valuemin={0}
        aria-valuemax={numBlocks - 1}
        aria-valuenow={chosen}
        aria-valuetext={`Block ${chosen}, ${endWords(curves, chosen)}`}
        className={styles.startHandle}
        style={{ left: centreOf(axis, chosen) - 11, top: handle.top }}
        onKeyDown={onKeyDown}
        onPointerDown={(event) => {
          if (event.button !== 0) return;
          event.preventDefault();
          event.currentTarget.focus({ preventScroll: true });
          event.currentTarget.setPointerCapture(event.pointerId);
        }}
        onPointerMove={(event) => {
          if (event.buttons === 1) choose(blockUnder(event));
        }}
      />
      <div className={styles.readout} style={{ top: readout.top, maxHeight: height - readout.top + 12 }}>
        {pointed !== null || (start !== chosen && k !== null) ? (
          <>
            <b>u = {start}</b>
            {shortPlace(axis, start) && ` (${shortPlace(axis, start)})`}
            {` · ${startWords?.[start] ?? endWords(curves, start)}`}
          </>
        ) : k !== null && k >= start ? (
          <>
            <b>
              u = {start}, k = {k}
            </b>
            {shortPlace(axis, k) && ` (${shortPlace(axis, k)})`}
            {` · surrogate CKA: ${curveNames(curves).map(valueAt).join(', ')}`}
            {` · Δ of the ${stream === 'mean' ? 'mean' : `${curveLabel(curves, stream)} stream`} ${differenceText(curveRow(differences, stream, start)[k])}`}
          </>
        ) : (
          `Start u = ${start}. Point at a block number to see what ends its run; click or arrow keys start there.`
        )}
      </div>
    </div>
  );
}

/** The start of the detected interval that is pointed at or focused, as its bracket, its row or its square is. */
function startOfHovered({ block, other }: Hover, detected: TrajectoriesProps['detected']): number | null {
  if (block === null || other === null || other === undefined) return null;
  const interval = { first: Math.min(block, other), last: Math.max(block, other) };
  return containsInterval(detected, interval) ? interval.first : null;
}
