'use client';
/**
 * The spine of the page: a cell per block, detected intervals as brackets above, chosen ones as filled spans with
 * draggable edges, and the held-out R² of each block's probe below, all on the shared block axis. DOM elements rather
 * than canvas, so that every block is an option to keyboards and screen readers.
 */
import { useId, useMemo } from 'react';
import { containsInterval, intervalAt, sameInterval } from '@/lib/core/interval/index.ts';
import { blockAxis, shortPlace } from './block-axis.ts';
import styles from './charts.module.css';
import { numberMiddle, readoutLines, spanOf, stripRows } from './draw-layer-strip.ts';
import { drawProbeRow, probeDomain } from './draw-probe-row.ts';
import { drawSeams, drawStackNames } from './draw-seams.ts';
import { drawTraits } from './draw-traits.ts';
import { HoverBands } from './hover-bands.tsx';
import { Marks } from './marks-view.tsx';
import { PAGE_PALETTE, streamLook } from './palette.ts';
import { type BlockPart, streamsUpdated } from './stream-part.ts';
import { StripBracket } from './strip-bracket.tsx';
import { StripCells } from './strip-cells.tsx';
import { StripHandle } from './strip-handle.tsx';
import { isInterval, refusalOf } from './strip-intents.ts';
import { stripNumbers } from './strip-numbers.ts';
import { StripReadout } from './strip-readout.tsx';
import { ruleWords, StripRuleMarks } from './strip-rules.tsx';
import type { LayerStripProps } from './types.ts';
import { useStripGestures } from './use-strip-gestures.ts';

const NOTHING_IMPOSSIBLE: NonNullable<LayerStripProps['impossible']> = [];
const UNKNOWN: readonly BlockPart[] = [];
const ALL_ALIKE: NonNullable<LayerStripProps['traits']> = [];

export function LayerStrip(props: LayerStripProps) {
  const { width, numBlocks, stacks, blocks = UNKNOWN, hovered, onHover, selection, detected, probeR2 } = props;
  const { impossible = NOTHING_IMPOSSIBLE, streams: declared, traits = ALL_ALIKE, findings, agreement = null } = props;
  const { rules, below = null, note = null } = props;
  const belowHeight = below?.height ?? 0;
  const axis = useMemo(() => blockAxis(numBlocks, width, { stacks }), [numBlocks, width, stacks]);
  const streams = useMemo(() => (probeR2 ? declared : streamsUpdated(declared, blocks)), [declared, probeR2, blocks]);
  const rows = useMemo(
    () => stripRows(axis, streams.length, readoutLines(findings, axis.end - axis.left), belowHeight),
    [axis, streams, findings, belowHeight],
  );
  const hintId = useId();
  const gestures = useStripGestures(axis, { ...props, impossible });
  const { marked, refused, moving } = gestures;
  // While an edge is dragged the strip shows where it would go; the owner hears of it once, on release.
  const shown = moving
    ? selection.map((interval) => (sameInterval(interval, moving.from) ? moving.to : interval))
    : selection;
  const passive = useMemo(() => {
    const values = streams.map(({ id }) => probeR2?.[id] ?? []);
    const look = { domain: probeDomain(...values), palette: PAGE_PALETTE };
    const bottom = rows.allProbes.top + rows.allProbes.height;
    return [
      ...drawStackNames(axis, 0, PAGE_PALETTE),
      ...drawSeams(axis, 0, bottom, PAGE_PALETTE),
      ...drawTraits(axis, traits, blocks, rows.traitsTop, PAGE_PALETTE),
      ...streams.flatMap((stream, row) => {
        const place = rows.probes[row];
        const of = { name: stream.label, look: streamLook(declared.indexOf(stream)) };
        return place ? drawProbeRow(values[row] ?? [], axis, { ...of, ...place, ...look }) : [];
      }),
    ];
  }, [axis, streams, declared, rows, probeR2, traits, blocks]);
  if (width <= 0) return <div className={styles.strip} style={{ height: rows.height }} />;

  const { brackets, cells, allProbes } = rows;
  const draft = marked && spanOf(axis, marked);
  const beyond = refused && spanOf(axis, refused);
  const draftBox = { top: cells.top - 2, height: cells.height + 4 };
  return (
    <div className={styles.strip} style={{ height: rows.height, width }}>
      <svg width={width} height={rows.height} aria-hidden="true">
        <HoverBands axis={axis} hovered={hovered} top={allProbes.top - 4} height={allProbes.height + 8} />
        <Marks marks={passive} />
      </svg>
      {shown.map((interval) => {
        const { left, width: span } = spanOf(axis, interval);
        const box = { left, width: span, top: cells.top, height: cells.height };
        return <div key={interval.first} className={styles.chosen} style={box} />;
      })}
      <StripCells
        axis={axis}
        row={cells}
        hovered={hovered}
        selection={shown}
        impossible={impossible}
        findings={findings}
        blocks={blocks}
        traits={traits}
        gestures={gestures}
        hintId={hintId}
        rules={rules}
      />
      {below && (
        <div className={styles.below} style={rows.narrower}>
          {below.row}
        </div>
      )}
      {rules && <StripRuleMarks axis={axis} row={cells} rules={rules} />}
      {stripNumbers(axis, shown, hovered).map((number) => (
        <span
          key={number.block}
          aria-hidden="true"
          data-chosen={number.chosen}
          data-lit={number.lit}
          className={styles.number}
          style={{ left: number.x, top: numberMiddle(number, cells) }}
        >
          {number.block}
        </span>
      ))}
      {draft && (gestures.drawing || isInterval(marked)) && (
        <div
          className={`${styles.marked} ${isInterval(marked) ? '' : styles.impossible}`}
          style={{ left: draft.left, width: draft.width, ...draftBox }}
        />
      )}
      {beyond && <div className={styles.refused} style={{ left: beyond.left, width: beyond.width, ...draftBox }} />}
      {detected.map((interval) => {
        return (
          <StripBracket
            key={`${interval.first}-${interval.last}`}
            interval={interval}
            span={spanOf(axis, interval, 0.5)}
            top={brackets.top - 2}
            height={cells.top - brackets.top + 2}
            pressed={containsInterval(selection, interval)}
            refusal={refusalOf(interval, impossible)}
            share={props.foundIn?.(interval) ?? null}
            agreement={agreement ? { count: agreement.countOf(interval), of: agreement.of } : null}
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
            chosen={shown}
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
        row={rows.readout}
        block={hovered.block}
        place={hovered.block === null ? null : shortPlace(axis, hovered.block)}
        blocks={blocks}
        traits={traits}
        streams={streams}
        probeR2={probeR2}
        finding={hovered.block === null ? null : (findings?.[hovered.block] ?? null)}
        rule={hovered.block === null || !rules ? null : ruleWords(rules, hovered.block)}
        chosen={hovered.block === null ? null : intervalAt(shown, hovered.block)}
        detected={hovered.block === null ? null : intervalAt(detected, hovered.block)}
        marked={marked}
        refusal={refused?.reason ?? null}
        notice={gestures.notice ?? note}
        crossed={gestures.crossed}
        anyDetected={detected.length > 0}
        marking={rules?.marking ?? null}
      />
      <p id={hintId} className={styles.hidden}>
        Arrow keys move between blocks. Shift with an arrow key marks a range. Enter chooses the range, or the detected
        interval at the block, or lets go of a chosen one. Delete clears the chosen interval.
        {rules && ' L locks the block or the range for plans, F forbids it; again, and it is free.'}
        {axis.seams.length > 0 && ' A range ends where its stack of blocks ends.'}
      </p>
    </div>
  );
}
