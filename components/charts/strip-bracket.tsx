'use client';
/** A detected interval as a bracket over its blocks: a toggle button, hatched with the reason when it cannot be chosen. */
import type { CSSProperties } from 'react';
import type { BlockInterval } from '@/lib/core/interval/interval.ts';
import styles from './charts.module.css';
import { bracketOpacity, type Span } from './draw-layer-strip.ts';
import { agreementText, foundText, spanText } from './number-text.ts';
import { type Hover, NO_HOVER } from './types.ts';

interface StripBracketProps {
  /** What it proposes. */
  readonly name?: string;
  readonly interval: BlockInterval;
  readonly span: Span;
  readonly top: number;
  readonly height: number;
  readonly pressed: boolean;
  readonly refusal: string | null;
  /** What is known of it, in a sentence. */
  readonly words?: string | null;
  /** Share of the resamples that find it; null where nothing was resampled. */
  readonly share: number | null;
  /** Of several analyses, how many detect it; null where one alone is shown. */
  readonly agreement: { readonly count: number; readonly of: number } | null;
  readonly onToggle: (interval: BlockInterval) => void;
  readonly onHover: (hover: Hover) => void;
}

export function StripBracket(props: StripBracketProps) {
  const { interval, span, top, height, pressed, refusal, share, agreement, onToggle, onHover } = props;
  const { name = 'Detected interval', words = null } = props;
  const sure = [
    ...(share === null ? [] : [foundText(share)]),
    ...(agreement ? [agreementText(agreement.count, agreement.of)] : []),
  ].join(', ');
  const light = () => onHover({ block: interval.first, other: interval.last });
  const unlight = () => onHover(NO_HOVER);
  return (
    <button
      type="button"
      aria-label={`${name} ${spanText(interval)}${sure === '' ? '' : `, ${sure}`}`}
      aria-description={words ?? undefined}
      aria-pressed={pressed}
      aria-disabled={refusal === null ? undefined : true}
      title={refusal ?? words ?? (sure === '' ? undefined : capitalised(sure))}
      className={styles.bracket}
      style={{ left: span.left, width: span.width, top, height, '--found': bracketOpacity(share) } as CSSProperties}
      onClick={() => {
        if (refusal === null) onToggle(interval);
      }}
      onPointerEnter={light}
      onPointerLeave={unlight}
      onFocus={light}
      onBlur={unlight}
    >
      {agreement && (
        <span aria-hidden="true" className={styles.agreement}>
          {agreement.count}/{agreement.of}
        </span>
      )}
    </button>
  );
}

const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
