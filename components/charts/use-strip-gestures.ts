'use client';
/**
 * The strip's transient state: the cursor block, a range being marked by drag or Shift+arrow, an edge on the move. It
 * ends in an intent to the owner; nothing here outlives the gesture.
 */
import { type KeyboardEvent, type PointerEvent, useCallback, useRef, useState } from 'react';
import { type BlockInterval, intervalAt, stackAround } from '@/lib/core/interval/index.ts';
import { type BlockAxis, blockAt, depthOf, placeInStack } from './block-axis.ts';
import { activation, drawnRange, isInterval } from './strip-intents.ts';
import { type ImpossibleRange, type LayerStripProps, NO_HOVER, type StripRule } from './types.ts';

export interface MovingEdge {
  readonly from: BlockInterval;
  readonly to: BlockInterval;
  /** Where the pointer is beyond what the edge can reach. */
  readonly refused: ImpossibleRange | null;
}

export interface StripGestures {
  /** The block that holds the roving tab stop. */
  readonly cursor: number;
  readonly marked: BlockInterval | null;
  /** Blocks that the gesture covers and that cannot be chosen with the rest, with the reason. */
  readonly refused: ImpossibleRange | null;
  /** A range is being drawn with the pointer. */
  readonly drawing: boolean;
  readonly moving: MovingEdge | null;
  /** Why the last gesture did nothing or stopped, or null. */
  readonly notice: string | null;
  /** For screen readers: the cursor came into another stack. */
  readonly crossed: string | null;
  readonly setMoving: (moving: MovingEdge | null) => void;
  readonly setNotice: (notice: string | null) => void;
  readonly onKeyDown: (event: KeyboardEvent<HTMLElement>) => void;
  readonly onPointerDown: (event: PointerEvent<HTMLElement>) => void;
  readonly onPointerMove: (event: PointerEvent<HTMLElement>) => void;
  readonly onPointerUp: (event: PointerEvent<HTMLElement>) => void;
  readonly onPointerCancel: () => void;
  readonly onPointerLeave: () => void;
  readonly onCellFocus: (block: number) => void;
  readonly onCellBlur: () => void;
  /** A click without a pointer, as assistive technology sends it. */
  readonly onCellClick: (block: number) => void;
}

const RULE_KEYS: ReadonlyMap<string, StripRule> = new Map([
  ['l', 'lock'],
  ['f', 'forbid'],
]);

type Options = Pick<
  LayerStripProps,
  'numBlocks' | 'selection' | 'detected' | 'onHover' | 'rules' | 'onAdd' | 'onToggle' | 'onRemove'
> & {
  readonly impossible: readonly ImpossibleRange[];
  /** What two blocks or more are, with its article. */
  readonly noun?: string;
};

export function useStripGestures(axis: BlockAxis, options: Options): StripGestures {
  const { numBlocks, selection, detected, impossible, onHover, rules, noun = 'An interval' } = options;
  const marking = rules?.marking ?? null;
  const depth = depthOf(axis);
  const [cursorState, setCursor] = useState(0);
  const [anchor, setAnchor] = useState<number | null>(null);
  const [reach, setReach] = useState(0);
  const [drawing, setDrawing] = useState(false);
  const [moving, setMoving] = useState<MovingEdge | null>(null);
  const [notice, setNotice] = useState<string | null>(null);
  const [crossed, setCrossed] = useState<string | null>(null);
  const pressed = useRef<number | null>(null);
  /** Where the gesture ended that the notice is about. */
  const noticed = useRef<number | null>(null);
  const cursor = Math.min(cursorState, Math.max(0, numBlocks - 1));
  const drawn = anchor === null ? null : drawnRange(anchor, reach, impossible, depth);

  /** Ends a gesture without an intent: given up with Escape, the pointer's release later means nothing. */
  const release = () => {
    pressed.current = null;
    setDrawing(false);
    setAnchor(null);
  };

  const mark = (blocks: BlockInterval, rule: StripRule) => {
    rules?.onMark(blocks, rule);
    setNotice(null);
    setAnchor(null);
  };

  const activate = (block: number, range: BlockInterval | null) => {
    if (marking) return mark(range ?? { first: block, last: block }, marking);
    const intent = activation(block, range, selection, detected, impossible);
    if (intent.kind === 'add') options.onAdd(intent.interval);
    else if (intent.kind === 'toggle') options.onToggle(intent.interval);
    setNotice(intent.kind === 'none' ? intent.reason : null);
    setAnchor(null);
  };

  const moveTo = (node: HTMLElement, block: number, extend: boolean) => {
    const wanted = Math.min(numBlocks - 1, Math.max(0, block));
    const stack = stackAround(cursor, depth);
    const crosses = wanted < stack.first || wanted > stack.last;
    // A marked range ends at the seam, and so does the cursor that marks it.
    const next = extend ? Math.min(stack.last, Math.max(stack.first, wanted)) : wanted;
    if (extend) {
      const from = anchor ?? cursor;
      setAnchor(from);
      setReach(wanted);
      setNotice(crosses ? (drawnRange(from, wanted, impossible, depth).refused?.reason ?? null) : null);
    } else {
      setAnchor(null);
      setNotice(null);
      const place = crosses ? placeInStack(axis, next) : null;
      setCrossed(place && `Past the seam: ${place}.`);
    }
    setCursor(next);
    node.querySelector<HTMLElement>(`[data-block="${next}"]`)?.focus();
  };

  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = { ArrowLeft: cursor - 1, ArrowRight: cursor + 1, Home: 0, End: numBlocks - 1 }[event.key];
    if (target !== undefined) moveTo(event.currentTarget, target, event.shiftKey);
    else if (event.key === 'Enter' || event.key === ' ') activate(cursor, drawn?.range ?? null);
    else if (event.key === 'Escape') {
      release();
      setNotice(null);
    } else if (event.key === 'Delete' || event.key === 'Backspace') {
      const chosen = intervalAt(selection, cursor);
      if (chosen) options.onRemove(chosen);
    } else if (rules && RULE_KEYS.has(event.key.toLowerCase())) {
      mark(drawn?.range ?? { first: cursor, last: cursor }, RULE_KEYS.get(event.key.toLowerCase())!);
    } else return;
    event.preventDefault();
  };

  const blockUnder = (event: PointerEvent<HTMLElement>) =>
    blockAt(axis, event.clientX - event.currentTarget.getBoundingClientRect().left + axis.left);

  const onPointerDown = (event: PointerEvent<HTMLElement>) => {
    if (event.button !== 0) return;
    const block = blockUnder(event);
    event.currentTarget.setPointerCapture(event.pointerId);
    event.preventDefault();
    event.currentTarget.querySelector<HTMLElement>(`[data-block="${block}"]`)?.focus({ preventScroll: true });
    pressed.current = block;
    setCursor(block);
    setAnchor(null);
    setNotice(null);
  };

  const onPointerMove = (event: PointerEvent<HTMLElement>) => {
    const block = blockUnder(event);
    onHover({ block });
    if (pressed.current === null) {
      if (block !== noticed.current) setNotice(null);
      return;
    }
    if (!drawing && block !== pressed.current) {
      setAnchor(pressed.current);
      setDrawing(true);
    }
    setReach(block);
  };

  const onPointerUp = (event: PointerEvent<HTMLElement>) => {
    const from = pressed.current;
    if (from === null) return;
    const block = blockUnder(event);
    noticed.current = block;
    release();
    if (!drawing && block === from) return activate(block, null);
    const { range, refused } = drawnRange(from, block, impossible, depth);
    if (marking && range) return mark(range, marking);
    if (isInterval(range)) options.onAdd(range);
    if (refused) setNotice(refused.reason);
    else if (!isInterval(range)) setNotice(`${noun} is two blocks or more.`);
  };

  const setMovingEdge = useCallback((next: MovingEdge | null) => setMoving(next), []);
  return {
    cursor,
    marked: drawn?.range ?? null,
    refused: drawn?.refused ?? moving?.refused ?? null,
    drawing,
    moving,
    notice,
    crossed,
    setMoving: setMovingEdge,
    setNotice,
    onKeyDown,
    onPointerDown,
    onPointerMove,
    onPointerUp,
    onPointerCancel: release,
    onPointerLeave: () => onHover(NO_HOVER),
    onCellFocus: (block) => {
      setCursor(block);
      onHover({ block });
    },
    onCellBlur: () => onHover(NO_HOVER),
    onCellClick: (block) => activate(block, null),
  };
}
