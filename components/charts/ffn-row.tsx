'use client';
/** The feed-forward layers of one stream: a small switch for each block, with one roving tab stop for the row. */
import { type KeyboardEvent, useState } from 'react';
import type { StreamSpec } from '@/lib/core/model/architecture.ts';
import { type BlockAxis, blockAt, startOf } from './block-axis.ts';
import styles from './charts.module.css';
import type { StripRow } from './draw-layer-strip.ts';
import { type Hover, NO_HOVER } from './types.ts';

export interface FfnRowData {
  readonly stream: StreamSpec;
  readonly chosen: ReadonlySet<number>;
  readonly measured: ReadonlySet<number>;
  /** Why the layers of a block cannot be chosen; null where they can. */
  readonly whyNot: (block: number) => string | null;
  /** What is known of them, in a sentence. */
  readonly words: (block: number) => string;
}

interface FfnRowProps {
  readonly axis: BlockAxis;
  readonly row: StripRow;
  readonly data: FfnRowData;
  readonly hovered: Hover;
  readonly onToggle: (block: number) => void;
  /** The block under the pointer or with the focus; null where none is. */
  readonly onOver: (block: number | null) => void;
}

export function FfnRow({ axis, row, data, hovered, onToggle, onOver }: FfnRowProps) {
  const [cursorState, setCursor] = useState(0);
  const cursor = Math.min(cursorState, axis.numBlocks - 1);
  const { stream, chosen, measured, whyNot, words } = data;
  const toggle = (block: number) => {
    if (whyNot(block) === null || chosen.has(block)) onToggle(block);
  };
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const last = axis.numBlocks - 1;
    const target = { ArrowLeft: cursor - 1, ArrowRight: cursor + 1, Home: 0, End: last }[event.key];
    if (target !== undefined) {
      const next = Math.min(last, Math.max(0, target));
      setCursor(next);
      event.currentTarget.querySelector<HTMLElement>(`[data-block="${next}"]`)?.focus();
    } else if (event.key === 'Enter' || event.key === ' ') toggle(cursor);
    else if (event.key === 'Delete' || event.key === 'Backspace') {
      if (chosen.has(cursor)) onToggle(cursor);
    } else return;
    event.preventDefault();
  };
  const under = (event: { readonly clientX: number; readonly currentTarget: HTMLElement }) =>
    blockAt(axis, event.clientX - event.currentTarget.getBoundingClientRect().left + axis.left);
  return (
    <div
      role="listbox"
      aria-label={`Feed-forward layers, ${stream.label} stream`}
      aria-multiselectable="true"
      aria-orientation="horizontal"
      tabIndex={-1}
      className={styles.cells}
      style={{ left: axis.left, width: axis.end - axis.left, top: row.top, height: row.height }}
      onKeyDown={onKeyDown}
      onPointerMove={(event) => onOver(under(event))}
      onPointerLeave={() => onOver(null)}
      onBlur={() => onOver(null)}
      onFocus={(event) => {
        const block = event.target.getAttribute('data-block');
        if (block === null) return;
        setCursor(Number(block));
        onOver(Number(block));
      }}
      onClick={(event) => {
        const target = event.target instanceof Element ? event.target.closest('[data-block]') : null;
        if (target) toggle(Number(target.getAttribute('data-block')));
      }}
    >
      {Array.from({ length: axis.numBlocks }, (_, block) => {
        const reason = whyNot(block);
        return (
          <div
            // biome-ignore lint/suspicious/noArrayIndexKey: blocks are their places
            key={block}
            role="option"
            aria-label={`${stream.label} FFN of block ${block}`}
            aria-description={words(block)}
            aria-selected={chosen.has(block)}
            aria-disabled={reason === null ? undefined : true}
            tabIndex={block === cursor ? 0 : -1}
            data-block={block}
            data-lit={block === hovered.block || block === hovered.other}
            data-measured={measured.has(block)}
            className={styles.toggle}
            style={{ left: startOf(axis, block) - axis.left, width: axis.step }}
          />
        );
      })}
    </div>
  );
}

/** Leaves the hover of the page as it was found. */
export const hoverAt = (block: number | null): Hover => (block === null ? NO_HOVER : { block });
