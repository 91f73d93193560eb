'use client';
/**
 * The spine of the page: a cell per block, detected intervals as brackets above, chosen ones as filled spans with
 * draggable edges, and the held-out R² of each block's probe below, all on the shared block axis. DOM elements rather
 * than canvas, so that every block is an option to keyboards and screen readers.
 */
import { useId, useMemo } from 'react';
import { containsInterval, intervalAt, sameInterval } from '@/lib/core/interval/index.ts';
import { blockAxis, labelledBlocks } from './block-axis.ts';
import styles from './charts.module.css';
import { STRIP_HEIGHT, STRIP_ROWS, spanOf } from './draw-layer-strip.ts';
import { drawProbeRow, probeDomain } from './draw-probe-row.ts';
import { HoverBands } from './hover-bands.tsx';
import { Marks } from './marks-view.tsx';
import { PAGE_PALETTE } from './palette.ts';
import { StripBracket } from './strip-bracket.tsx';
import { StripCells } from './strip-cells.tsx';
import { StripHandle } from './strip-handle.tsx';
import { isInterval, refusalOf } from './strip-intents.ts';
import { StripReadout } from './strip-readout.tsx';
import type { LayerStripProps } from './types.ts';
import { useStripGestures } from './use-strip-gestures.ts';

const NOTHING_IMPOSSIBLE: NonNullable<LayerStripProps['impossible']> = [];

export function LayerStrip(props: LayerStripProps) {
  const { width, numBlocks, hovered, onHover, selection, detected, probeR2, impossible = NOTHING_IMPOSSIBLE } = props;
  const axis = useMemo(() => blockAxis(numBlocks, width), [numBlocks, width]);
  const hintId = useId();
  const gestures = useStripGestures(axis, { ...props, impossible });
  const { marked, moving } = gestures;
  // While an edge is dragged the strip shows where it would go; the owner hears of it once, on release.
  const shown = moving
    ? selection.map((interval) => (sameInterval(interval, moving.from) ? moving.to : interval))
    : selection;
  const labelled = useMemo(() => new Set(labelledBlocks(axis)), [axis]);
  const probeMarks = useMemo(() => {
    const image = probeR2?.image ?? [];
    const text = probeR2?.text ?? [];
    const look = { domain: probeDomain(image, text), palette: PAGE_PALETTE };
    return [
      ...drawProbeRow(image, axis, { stream: 'image', ...STRIP_ROWS.image, ...look }),
      ...drawProbeRow(text, axis, { stream: 'text', ...STRIP_ROWS.text, ...look }),
    ];
  }, [axis, probeR2]);
  if (width <= 0) return <div className={styles.strip} style={{ height: STRIP_HEIGHT }} />;

  const { brackets, cells } = STRIP_ROWS;
  const draft = marked && spanOf(axis, marked);
  return (
    <div className={styles.strip} style={{ height: STRIP_HEIGHT, width }}>
      <svg width={width} height={STRIP_HEIGHT} aria-hidden="true">
        <HoverBands axis={axis} hovered={hovered} top={STRIP_ROWS.image.top - 4} height={66} />
        <Marks marks={probeMarks} />
      </svg>
      {shown.map((interval) => {
        const { left, width: span } = spanOf(axis, interval);
        const box = { left, width: span, top: cells.top, height: cells.height };
        return <div key={interval.first} className={styles.chosen} style={box} />;
      })}
      <StripCells
        axis={axis}
        labelled={labelled}
        hovered={hovered}
        selection={shown}
        impossible={impossible}
        gestures={gestures}
        hintId={hintId}
      />
      {draft && (gestures.drawing || isInterval(marked)) && (
        <div
          className={`${styles.marked} ${isInterval(marked) ? '' : styles.impossible}`}
          style={{ left: draft.left, width: draft.width, top: cells.top - 2, height: cells.height + 4 }}
        />
      )}
      {detected.map((interval) => {
        return (
          <StripBracket
            key={`${interval.first}-${interval.last}`}
            interval={interval}
            span={spanOf(axis, interval, 2)}
            top={brackets.top}
            height={brackets.height}
            pressed={containsInterval(selection, interval)}
            refusal={refusalOf(interval, impossible)}
            onToggle={props.onToggle}
            onHover={onHover}
          />
        );
      })}
      {shown.map((interval, index) =>
        (['first', 'last'] as const).map((edge) => (
          <StripHandle
            // biome-ignore lint/suspicious/noArrayIndexKey: an edge keeps its focus while its interval changes
            key={`${index}-${edge}`}
            axis={axis}
            interval={interval}
            edge={edge}
            taken={[...selection, ...impossible]}
            origin={selection[index] ?? interval}
            top={cells.top}
            height={cells.height}
            gestures={gestures}
            onMoveEdge={props.onMoveEdge}
            onRemove={props.onRemove}
            onHover={onHover}
          />
        )),
      )}
      <StripReadout
        block={hovered.block}
        probeR2={probeR2}
        chosen={hovered.block === null ? null : intervalAt(shown, hovered.block)}
        detected={hovered.block === null ? null : intervalAt(detected, hovered.block)}
        marked={marked}
        notice={gestures.notice}
        anyDetected={detected.length > 0}
      />
      <p id={hintId} className={styles.hidden}>
        Arrow keys move between blocks. Shift with an arrow key marks a range. Enter chooses the range, or the detected
        interval at the block, or lets go of a chosen one. Delete clears the chosen interval.
      </p>
    </div>
  );
}
