'use client';
/** One edge of a chosen interval: drag it, or move it with the arrow keys; Delete clears the interval. */
import { type CSSProperties, type KeyboardEvent, type PointerEvent, useRef } from 'react';
import type { BlockInterval } from '@/lib/core/interval/interval.ts';
import { type BlockAxis, blockAt, depthOf } from './block-axis.ts';
import styles from './charts.module.css';
import { spanText } from './number-text.ts';
import { handlePlace } from './strip-handle-place.ts';
import { edgeLimits, refusedBeyond } from './strip-intents.ts';
import { type IntervalEdge, type LayerStripProps, NO_HOVER } from './types.ts';
import type { StripGestures } from './use-strip-gestures.ts';

interface StripHandleProps {
  /** What the edge is of. */
  readonly noun?: string;
  readonly axis: BlockAxis;
  /** As shown, possibly on the move. */
  readonly interval: BlockInterval;
  /** As the owner knows it. */
  readonly origin: BlockInterval;
  readonly edge: IntervalEdge;
  /** As shown. */
  readonly chosen: readonly BlockInterval[];
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
  const { axis, interval, origin, edge, chosen, taken, top, height, gestures, onMoveEdge, onRemove, onHover } = props;
  const { noun = 'interval' } = props;
  const dragged = useRef<number | null>(null);
  const depth = depthOf(axis);
  const [lowest, highest] = edgeLimits(origin, edge, taken, depth);
  const clamp = (block: number) => Math.min(highest, Math.max(lowest, block));
  const here = interval[edge];
  const { left, width, grip, narrow } = handlePlace(axis, interval, edge, chosen);

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
    const under = blockAt(axis, event.clientX - left);
    const block = clamp(under);
    dragged.current = block;
    onHover({ block });
    const refused = refusedBeyond(origin, edge, under, depth);
    gestures.setMoving({ from: origin, to: { ...origin, [edge]: block }, refused });
  };
  const drop = () => {
    dragged.current = null;
    gestures.setMoving(null);
  };
  const onPointerUp = () => {
    const block = dragged.current;
    drop();
    if (block !== null && block !== origin[edge]) onMoveEdge(origin, edge, block);
  };
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Escape') {
      drop();
      return;
    }
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
    gestures.setNotice(step === undefined ? null : (refusedBeyond(origin, edge, here + step, depth)?.reason ?? null));
    if (target === here) return;
    onMoveEdge(origin, edge, target);
    onHover({ block: target });
  };
  const place: CSSProperties & { '--grip': string } = { left, width, top, height, '--grip': `${grip}px` };
  return (
    <div
      role="slider"
      tabIndex={0}
      aria-label={`${edge === 'first' ? 'First' : 'Last'} block of ${noun} ${spanText(origin)}`}
      aria-valuemin={lowest}
      aria-valuemax={highest}
      aria-valuenow={here}
      aria-valuetext={`Block ${here}`}
      data-narrow={narrow}
      className={styles.handle}
      style={place}
      onPointerEnter={() => onHover({ block: here })}
      onPointerLeave={() => onHover(NO_HOVER)}
      onFocus={() => onHover({ block: here })}
      onBlur={() => {
        gestures.setNotice(null);
        onHover(NO_HOVER);
      }}
      onPointerDown={onPointerDown}
      onPointerMove={onPointerMove}
      onPointerUp={onPointerUp}
      onPointerCancel={drop}
      onKeyDown={onKeyDown}
    />
  );
}
