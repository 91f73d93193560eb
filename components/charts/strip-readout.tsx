'use client';
/** The text under the strip: what was found about the block under the pointer, or why the last gesture did nothing. */
import type { BlockInterval } from '@/lib/core/interval/interval.ts';
import { type BlockTrait, traitLabels } from '@/lib/core/model/config-index.ts';
import styles from './charts.module.css';
import type { StripRow } from './draw-layer-strip.ts';
import { similarityText, spanText } from './number-text.ts';
import { type BlockPart, whyNoPart } from './stream-part.ts';
import { isInterval } from './strip-intents.ts';
import type { LayerStripProps, StripRule } from './types.ts';

interface StripReadoutProps {
  readonly row: StripRow;
  readonly block: number | null;
  /** In its own stack. */
  readonly place: string | null;
  readonly blocks: readonly BlockPart[];
  readonly traits: readonly BlockTrait[];
  readonly streams: LayerStripProps['streams'];
  readonly probeR2: LayerStripProps['probeR2'];
  /** What an analysis found about the block; null before one, when the values that are there are shown. */
  readonly finding: string | null;
  /** "locked", "forbidden" for plans, or null. */
  readonly rule: string | null;
  readonly chosen: BlockInterval | null;
  readonly detected: BlockInterval | null;
  readonly marked: BlockInterval | null;
  /** Why the blocks beyond the marked ones cannot be chosen with them. */
  readonly refusal: string | null;
  readonly notice: string | null;
  readonly crossed: string | null;
  readonly anyDetected: boolean;
  /** What a click sets; null where it chooses. */
  readonly marking: StripRule | null;
}

const MARKING: Readonly<Record<StripRule, string>> = {
  lock: 'Click or drag over blocks to lock them: plans keep them with all of their weights. Again, and they are free.',
  forbid: 'Click or drag over blocks to forbid them: plans have no interval with them. Again, and they are free.',
};

export function StripReadout(props: StripReadoutProps) {
  const { row, block, place, probeR2, finding, chosen, detected, marked, refusal, crossed, anyDetected } = props;
  const about = block === null ? [] : [place ?? [], traitLabels(props.traits, props.blocks[block])].flat();
  const notice = props.notice ?? (isInterval(marked) ? null : refusal);
  return (
    <div className={styles.readout} style={{ top: row.top, maxHeight: row.height + 12 }}>
      <span role="status">{notice}</span>
      <span role="status" className={styles.hidden}>
        {crossed}
      </span>
      {notice === null && isInterval(marked) && (
        <>
          <b>Blocks {spanText(marked)}</b> ·{' '}
          {props.marking === null && `${marked.last - marked.first + 1} blocks become 1 · `}
          {refusal ?? `Enter or release to ${props.marking ?? 'choose'}`}
        </>
      )}
      {notice === null && !isInterval(marked) && block !== null && (
        <>
          <b>Block {block}</b>
          {about.length > 0 && ` (${about.join(', ')})`}
          {props.rule && ` · ${props.rule}`}
          {chosen && ` · chosen ${spanText(chosen)}`}
          {finding !== null
            ? ` · ${finding}`
            : `${probeR2 ? ` · probe R², held out: ${probeWords(props, probeR2, block)}` : ''}${detected ? ` · detected ${spanText(detected)}` : ''}`}
        </>
      )}
      {notice === null &&
        !isInterval(marked) &&
        block === null &&
        (props.marking === null
          ? `${anyDetected ? 'Click a bracket or drag' : 'Drag'} over blocks to choose a run: its first block stays, the rest go.`
          : MARKING[props.marking])}
    </div>
  );
}

function probeWords(
  { streams, blocks }: Pick<StripReadoutProps, 'streams' | 'blocks'>,
  probeR2: NonNullable<LayerStripProps['probeR2']>,
  block: number,
) {
  return streams
    .map((stream) => {
      const value = probeR2[stream.id]?.[block];
      const reason = value === null ? whyNoPart(blocks, stream, block) : null;
      return `${stream.label} ${similarityText(value)}${reason ? `: ${reason}` : ''}`;
    })
    .join(', ');
}
