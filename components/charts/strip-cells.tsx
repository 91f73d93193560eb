'use client';
/** The cells of the strip: a multi-selectable listbox whose options are the blocks, with one roving tab stop. */
import { type CSSProperties, memo } from 'react';
import { type BlockInterval, intervalAt } from '@/lib/core/interval/index.ts';
import { type BlockTrait, traitLabels } from '@/lib/core/model/config-index.ts';
import { type BlockAxis, placeInStack, startOf } from './block-axis.ts';
import styles from './charts.module.css';
import type { StripRow } from './draw-layer-strip.ts';
import type { BlockPart } from './stream-part.ts';
import { ruleWords } from './strip-rules.tsx';
import type { Hover, ImpossibleRange, LayerStripProps, StripRules } from './types.ts';
import type { StripGestures } from './use-strip-gestures.ts';

interface StripCellsProps {
  /** What the row is of, and what an option of it is called. */
  readonly label?: string;
  readonly optionName?: (block: number) => string;
  /** What is said of a block, in place of findings and rules. */
  readonly wordsOf?: ((block: number) => string) | undefined;
  readonly axis: BlockAxis;
  readonly row: StripRow;
  readonly hovered: Hover;
  readonly selection: readonly BlockInterval[];
  readonly impossible: readonly ImpossibleRange[];
  readonly findings: LayerStripProps['findings'];
  readonly blocks: readonly BlockPart[];
  readonly traits: readonly BlockTrait[];
  readonly gestures: StripGestures;
  readonly hintId: string;
  readonly rules?: StripRules | undefined;
}

export function StripCells(props: StripCellsProps) {
  const { axis, row, hovered, selection, impossible, traits, findings, gestures, hintId, rules, wordsOf } = props;
  const { label = 'Blocks', optionName = blockName } = props;
  const { top, height } = row;
  const blocks = Array.from({ length: axis.numBlocks }, (_, block) => block);
  return (
    <div
      role="listbox"
      aria-label={label}
      aria-multiselectable="true"
      aria-orientation="horizontal"
      aria-describedby={hintId}
      tabIndex={-1}
      className={styles.cells}
      style={{ left: axis.left, width: axis.end - axis.left, top, height }}
      onKeyDown={gestures.onKeyDown}
      onPointerDown={gestures.onPointerDown}
      onPointerMove={gestures.onPointerMove}
      onPointerUp={gestures.onPointerUp}
      onPointerCancel={gestures.onPointerCancel}
      onPointerLeave={gestures.onPointerLeave}
      onFocus={(event) => {
        const block = event.target.getAttribute('data-block');
        if (block !== null) gestures.onCellFocus(Number(block));
      }}
      onBlur={gestures.onCellBlur}
      onClick={(event) => {
        // A pointer's click was handled on release; `detail` is 0 for the click that assistive technology sends.
        const block = event.target instanceof Element ? event.target.closest('[data-block]') : null;
        if (event.detail === 0 && block) gestures.onCellClick(Number(block.getAttribute('data-block')));
      }}
    >
      {blocks.map((block) => {
        const lit = block === hovered.block || block === hovered.other;
        return (
          <Cell
            key={block}
            block={block}
            name={optionName(block)}
            left={startOf(axis, block) - axis.left}
            width={axis.step}
            lit={lit}
            description={
              wordsOf
                ? wordsOf(block)
                : [
                    rules && ruleWords(rules, block),
                    placeInStack(axis, block),
                    ...traitLabels(traits, props.blocks[block]),
                    findings?.[block],
                  ]
                    .filter(Boolean)
                    .join('. ')
            }
            chosen={intervalAt(selection, block) !== null}
            reason={impossible.find(({ first, last }) => first <= block && block <= last)?.reason}
            tabStop={block === gestures.cursor}
          />
        );
      })}
    </div>
  );
}

const blockName = (block: number): string => `Block ${block}`;

interface CellProps {
  readonly block: number;
  readonly name: string;
  readonly left: number;
  readonly width: number;
  readonly lit: boolean;
  /** Its place in its own stack, its traits, and what an analysis found about it. */
  readonly description: string;
  readonly chosen: boolean;
  readonly reason: string | undefined;
  readonly tabStop: boolean;
}

/** Memoised: a hover over sixty blocks re-renders the two cells it concerns. */
const Cell = memo(function Cell({ block, name, left, width, lit, description, chosen, reason, tabStop }: CellProps) {
  const box: CSSProperties = { left, width };
  return (
    <div
      role="option"
      aria-label={name}
      aria-description={description || undefined}
      aria-selected={chosen}
      aria-disabled={reason === undefined ? undefined : true}
      title={reason}
      tabIndex={tabStop ? 0 : -1}
      data-block={block}
      data-lit={lit}
      data-impossible={reason !== undefined}
      className={styles.cell}
      style={box}
    />
  );
});
