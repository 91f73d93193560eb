'use client';
/** A detected interval as a bracket over its blocks: a toggle button, hatched with the reason when it cannot be chosen. */
import type { BlockInterval } from '@/lib/core/interval/interval.ts';
import styles from './charts.module.css';
import type { Span } from './draw-layer-strip.ts';
import { spanText } from './number-text.ts';
import { type Hover, NO_HOVER } from './types.ts';

interface StripBracketProps {
  readonly interval: BlockInterval;
  readonly span: Span;
  readonly top: number;
  readonly height: number;
  readonly pressed: boolean;
  readonly refusal: string | null;
  readonly onToggle: (interval: BlockInterval) => void;
  readonly onHover: (hover: Hover) => void;
}

export function StripBracket(props: StripBracketProps) {
  const { interval, span, top, height, pressed, refusal, onToggle, onHover } = props;
  const light = () => onHover({ block: interval.first, other: interval.last });
  const unlight = () => onHover(NO_HOVER);
  return (
    <button
      type="button"
      aria-label={`Detected interval ${spanText(interval)}`}
      aria-pressed={pressed}
      aria-disabled={refusal === null ? undefined : true}
      title={refusal ?? undefined}
      className={styles.bracket}
      style={{ left: span.left, width: span.width, top, height }}
      onClick={() => {
        if (refusal === null) onToggle(interval);
      }}
      onPointerEnter={light}
      onPointerLeave={unlight}
      onFocus={light}
      onBlur={unlight}
    />
  );
}
