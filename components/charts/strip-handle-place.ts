/**
 * Where the edge handles of a chosen span lie. The grip that one sees is inside the span; the area that catches the
 * pointer also reaches out of it, so that it is wide enough at sixty blocks and the middle of a short span stays free.
 */
import type { BlockInterval } from '@/lib/core/interval/interval.ts';
import type { BlockAxis } from './block-axis.ts';
import { spanOf } from './draw-layer-strip.ts';
import type { IntervalEdge } from './types.ts';

/** Least width that a pointer can be asked to hit. */
const TARGET = 8;
const INSIDE = 7;
const OUTSIDE = 4;
/** What the two handles leave of a span for a click on its blocks. */
const MIDDLE = 6;
/** A shorter span has no room for two grips beside its numbers. */
const NARROW = 30;

export interface HandlePlace {
  readonly left: number;
  readonly width: number;
  /** Middle of the grip, from `left`. */
  readonly grip: number;
  /** The span is so short that the grip must not lie over its numbers. */
  readonly narrow: boolean;
}

/** `chosen`: all chosen intervals, this one included. */
export function handlePlace(
  axis: BlockAxis,
  interval: BlockInterval,
  edge: IntervalEdge,
  chosen: readonly BlockInterval[],
): HandlePlace {
  const span = spanOf(axis, interval);
  const right = span.left + span.width;
  const room =
    edge === 'first'
      ? Math.min(...chosen.map((other) => span.left - endOfSpan(axis, other)).filter((distance) => distance >= 0))
      : Math.min(...chosen.map((other) => spanOf(axis, other).left - right).filter((distance) => distance >= 0));
  // Two handles share what lies between two spans.
  const outside = Math.min(OUTSIDE, room / 2);
  const wanted = Math.min(INSIDE, Math.max(2, (span.width - MIDDLE) / 2));
  const inside = Math.min(span.width / 2, Math.max(wanted, TARGET - outside));
  const narrow = span.width < NARROW;
  const fromEdge = narrow ? 1.75 : 3.5;
  return edge === 'first'
    ? { left: span.left - outside, width: inside + outside, grip: outside + fromEdge, narrow }
    : { left: right - inside, width: inside + outside, grip: inside - fromEdge, narrow };
}

function endOfSpan(axis: BlockAxis, interval: BlockInterval): number {
  const { left, width } = spanOf(axis, interval);
  return left + width;
}
