'use client';
/** One edge of a chosen interval: drag it, or move it with the arrow keys; Delete clears the interval. */
import { type KeyboardEvent, type PointerEvent, useRef } from 'react';
import type { BlockInterval } from '@/lib/core/interval/interval.ts';
import { type BlockAxis, blockAt, endOf, startOf } from './block-axis.ts';
import styles from './charts.module.css';
import { spanText } from './number-text.ts';
import { edgeLimits } from './strip-intents.ts';
import { type IntervalEdge, type LayerStripProps, NO_HOVER } from './types.ts';
import type { StripGestures } from './use-strip-gestures.ts';

const HANDLE_WIDTH = 7;

interface StripHandleProps {
  readonly axis: BlockAxis;
  /** As shown, possibly on the move. */
  readonly interval: BlockInterval;
  /** As the owner knows it. */
  readonly origin: BlockInterval;
  readonly edge: IntervalEdge;
  /** Every chosen interval and impossible range: none may be overrun. */
  readonly taken: readonly BlockInterval[];
  readonly top: number;
  readonly height: number;
  readonly gestures: StripGestures;
  readonly onMoveEdge: LayerStripProps['onMoveEdge'];
  readonly onRemove: LayerStripProps['onRemove'];
  readonly onHover: LayerStripProps['onHover'];
}

export function StripHandle(props: StripHandleProps) {
  const { axis, interval, origin, edge, taken, top, height, gestures, onMoveEdge, onRemove, onHover } = props;
  const dragged = useRef<number | null>(null);
  const [lowest, highest] = edgeLimits(origin, edge, taken, axis.numBlocks);
  const clamp = (block: number) => Math.min(highest, Math.max(lowest, block));
  const here = interval[edge];
  const x = edge === 'first' ? startOf(axis, here) + 1 : endOf(axis, here) - HANDLE_WIDTH - 1;
  // On narrow cells the two handles of a span must leave its middle free for clicks.
  const width = Math.min(HANDLE_WIDTH, axis.step * 0.3);

  const onPointerDown = (event: PointerEvent<HTMLElement>) => {
    if (event.button !== 0) return;
    event.preventDefault();
    event.stopPropagation();
    event.currentTarget.setPointerCapture(event.pointerId);
    event.currentTarget.focus({ preventScroll: true });
    dragged.current = here;
  };
  const onPointerMove = (event: PointerEvent<HTMLElement>) => {
    if (dragged.current === null) return;
    const left = event.currentTarget.parentElement?.getBoundingClientRect().left ?? 0;
    const block = clamp(blockAt(axis, event.clientX - left));
    dragged.current = block;
    onHover({ block });
    gestures.setMoving({ from: origin, to: { ...origin, [edge]: block } });
  };
  const onPointerUp = () => {
    const block = dragged.current;
    dragged.current = null;
    gestures.setMoving(null);
    if (block !== null && block !== origin[edge]) onMoveEdge(origin, edge, block);
  };
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Delete' || event.key === 'Backspace') {
      event.preventDefault();
      // The edge goes with its interval; the focus stays on the strip.
      event.currentTarget.parentElement?.querySelector<HTMLElement>(`[data-block="${here}"]`)?.focus();
      onRemove(origin);
      return;
    }
    const steps: Record<string, number> = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 };
    const bounds: Record<string, number> = { Home: lowest, End: highest };
    const step = steps[event.key];
    const target = step === undefined ? bounds[event.key] : clamp(here + step);
    if (target === undefined) return;
    event.preventDefault();
    if (target === here) return;
    onMoveEdge(origin, edge, target);
    onHover({ block: target });
  };
  return (
    <div
      role="slider"
      tabIndex={0}
      aria-label={`${edge === 'first' ? 'First' : 'Last'} block of interval ${spanText(origin)}`}
      aria-valuemin={lowest}
      aria-valuemax={highest}
      aria-valuenow={here}
      aria-valuetext={`Block ${here}`}
      data-narrow={width < HANDLE_WIDTH}
      className={styles.handle}
      style={{ left: edge === 'first' ? x : x + HANDLE_WIDTH - width, width, top, height }}
      onPointerEnter={() => onHover({ block: here })}
      onPointerLeave={() => onHover(NO_HOVER)}
      onFocus={() => onHover({ block: here })}
      onBlur={() => onHover(NO_HOVER)}
      onPointerDown={onPointerDown}
      onPointerMove={onPointerMove}
      onPointerUp={onPointerUp}
      onPointerCancel={() => {
        dragged.current = null;
        gestures.setMoving(null);
      }}
      onKeyDown={onKeyDown}
    />
  );
}
