'use client';
/** One line under the strip: the block under the pointer with its exact values, or why the last gesture did nothing. */
import type { BlockInterval } from '@/lib/core/interval/interval.ts';
import styles from './charts.module.css';
import { STRIP_ROWS } from './draw-layer-strip.ts';
import { spanText, valueText } from './number-text.ts';
import { isInterval } from './strip-intents.ts';
import type { LayerStripProps } from './types.ts';

interface StripReadoutProps {
  readonly block: number | null;
  readonly probeR2: LayerStripProps['probeR2'];
  readonly chosen: BlockInterval | null;
  readonly detected: BlockInterval | null;
  readonly marked: BlockInterval | null;
  readonly notice: string | null;
  readonly anyDetected: boolean;
}

export function StripReadout({ block, probeR2, chosen, detected, marked, notice, anyDetected }: StripReadoutProps) {
  const { top, height } = STRIP_ROWS.readout;
  return (
    <div className={styles.readout} style={{ top, height }}>
      <span role="status">{notice}</span>
      {notice === null && isInterval(marked) && (
        <>
          <b>Blocks {spanText(marked)}</b> · {marked.last - marked.first + 1} blocks become 1 · Enter or release to
          choose
        </>
      )}
      {notice === null && !isInterval(marked) && block !== null && (
        <>
          <b>Block {block}</b>
          {probeR2 &&
            ` · probe R², held out: image ${valueText(probeR2.image[block])}, text ${valueText(probeR2.text[block])}`}
          {detected && ` · detected ${spanText(detected)}`}
          {chosen && ` · chosen ${spanText(chosen)}`}
        </>
      )}
      {notice === null && !isInterval(marked) && block === null && (
        <>
          {anyDetected ? 'Click a bracket or drag' : 'Drag'} over blocks to choose a run: its first block stays, the
          rest go.
        </>
      )}
    </div>
  );
}
