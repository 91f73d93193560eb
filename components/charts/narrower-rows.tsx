'use client';
/**
 * The second row of the strip: text groups as spans over the block axis, proposed as brackets and edited like intervals, and below it a row of
 * switches for the feed-forward layers of each stream. It reports intents and what is to be read of the block under the pointer.
 */
import { useEffect, useId, useMemo, useState } from 'react';
import { containsInterval, intervalAt, sameInterval } from '@/lib/core/interval/index.ts';
import type { BlockInterval } from '@/lib/core/interval/interval.ts';
import type { StreamSpec } from '@/lib/core/model/architecture.ts';
import { blockAxis } from './block-axis.ts';
import styles from './charts.module.css';
import { spanOf } from './draw-layer-strip.ts';
import { FfnRow, type FfnRowData, hoverAt } from './ffn-row.tsx';
import { mark } from './marks.ts';
import { Marks } from './marks-view.tsx';
import { FFN_HEIGHT, FFN_STEP, GROUP_ROW } from './narrower-rows-height.ts';
import { PAGE_PALETTE, streamLook } from './palette.ts';
import { symbolMark } from './stream-symbol.ts';
import { StripBracket } from './strip-bracket.tsx';
import { StripCells } from './strip-cells.tsx';
import { StripHandle } from './strip-handle.tsx';
import { isInterval, refusalOf } from './strip-intents.ts';
import type { Hover, ImpossibleRange, IntervalEdge, LinkedChartProps } from './types.ts';
import { useStripGestures } from './use-strip-gestures.ts';

export interface NarrowerRowsProps
  extends Pick<LinkedChartProps, 'width' | 'numBlocks' | 'stacks' | 'streams' | 'hovered' | 'onHover'> {
  /** Null where the model has no text groups. */
  readonly groups: {
    readonly stream: StreamSpec;
    readonly chosen: readonly BlockInterval[];
    readonly proposed: readonly BlockInterval[];
    readonly impossible: readonly ImpossibleRange[];
    /** What is known of a group, in a sentence. */
    readonly words: (group: BlockInterval) => string;
    readonly onAdd: (group: BlockInterval) => void;
    readonly onToggle: (group: BlockInterval) => void;
    readonly onMoveEdge: (group: BlockInterval, edge: IntervalEdge, block: number) => void;
    readonly onRemove: (group: BlockInterval) => void;
  } | null;
  readonly ffns: readonly FfnRowData[];
  readonly onFfn: (stream: StreamSpec, block: number) => void;
  /** Said below the strip in place of the block's own findings; null where the pointer is elsewhere. */
  readonly onNote: (note: string | null) => void;
}

export function NarrowerRows(props: NarrowerRowsProps) {
  const { width, numBlocks, stacks, streams, hovered, onHover, groups, ffns, onFfn, onNote } = props;
  const axis = useMemo(() => blockAxis(numBlocks, width, { stacks }), [numBlocks, width, stacks]);
  const [over, setOver] = useState<string | null>(null);
  const [groupNote, setGroupNote] = useState<string | null>(null);
  const note = over ?? groupNote;
  useEffect(() => {
    onNote(note);
    return () => onNote(null);
  }, [note, onNote]);
  const firstFfn = groups ? GROUP_ROW : 0;
  const labels = useMemo(
    () =>
      ffns.flatMap(({ stream }, row) => {
        const look = streamLook(streams.findIndex(({ id }) => id === stream.id));
        const y = firstFfn + row * FFN_STEP + FFN_HEIGHT / 2;
        const fill = look.colour(PAGE_PALETTE);
        const text = { x: axis.left - 18, y, dy: '0.35em', 'text-anchor': 'end', 'font-size': 11, fill };
        return [mark('text', text, 'FFN'), symbolMark(look.symbol, axis.left - 11, y, 3, { fill })];
      }),
    [axis, ffns, streams, firstFfn],
  );
  return (
    <>
      <svg width={width} height={firstFfn + ffns.length * FFN_STEP} aria-hidden="true">
        <Marks marks={labels} />
      </svg>
      {groups && <GroupRow {...props} groups={groups} onOver={setGroupNote} />}
      {ffns.map((data, row) => (
        <FfnRow
          key={data.stream.id}
          axis={axis}
          row={{ top: firstFfn + row * FFN_STEP, height: FFN_HEIGHT }}
          data={data}
          hovered={hovered}
          onToggle={(block) => onFfn(data.stream, block)}
          onOver={(block) => {
            onHover(hoverAt(block));
            setOver(block === null ? null : data.words(block));
          }}
        />
      ))}
    </>
  );
}

type GroupRowProps = NarrowerRowsProps & {
  readonly groups: NonNullable<NarrowerRowsProps['groups']>;
  readonly onOver: (note: string | null) => void;
};

function GroupRow({ width, numBlocks, stacks, streams, hovered, onHover, groups, onOver }: GroupRowProps) {
  const axis = useMemo(() => blockAxis(numBlocks, width, { stacks }), [numBlocks, width, stacks]);
  const { stream, chosen, proposed, impossible, words, onAdd, onToggle, onMoveEdge, onRemove } = groups;
  const [block, setBlock] = useState<number | null>(null);
  const hover = (next: Hover) => {
    onHover(next);
    setBlock(next.block);
  };
  const hintId = useId();
  const gestures = useStripGestures(axis, {
    numBlocks,
    selection: chosen,
    detected: proposed,
    impossible,
    noun: 'A text group',
    onHover: hover,
    onAdd,
    onToggle,
    onRemove,
  });
  const { marked, refused, moving } = gestures;
  const shown = moving ? chosen.map((group) => (sameInterval(group, moving.from) ? moving.to : group)) : chosen;
  const group = block === null ? null : (intervalAt(shown, block) ?? intervalAt(proposed, block));
  // A notice of a gesture is read while the row has the pointer or the focus; then the strip's own findings come back.
  const note =
    block === null
      ? null
      : (gestures.notice ??
        refused?.reason ??
        (isInterval(marked)
          ? `Blocks ${marked.first} to ${marked.last}: block ${marked.first} updates the text, the others take a projection of it. Enter or release to choose.`
          : group
            ? words(group)
            : `Text of block ${block}: updated, as in the whole model. Drag over blocks to update it once for all of them.`));
  useEffect(() => {
    onOver(note);
    return () => onOver(null);
  }, [note, onOver]);
  const cells = { top: 14, height: 22 };
  const label = {
    x: axis.left - 8,
    y: cells.top + cells.height / 2,
    dy: '0.35em',
    'text-anchor': 'end',
    'font-size': 11,
    fill: streamLook(streams.findIndex(({ id }) => id === stream.id)).colour(PAGE_PALETTE),
  };
  const box = { top: cells.top - 2, height: cells.height + 4 };
  return (
    <>
      <svg width={axis.left} height={GROUP_ROW} aria-hidden="true">
        <Marks marks={[mark('text', label, 'groups')]} />
      </svg>
      {shown.map((interval) => {
        const { left, width: span } = spanOf(axis, interval);
        return <div key={interval.first} className={styles.chosen} style={{ left, width: span, ...cells }} />;
      })}
      <StripCells
        label="Text groups"
        optionName={(at) => `Text of block ${at}`}
        wordsOf={(at) => {
          const of = intervalAt(shown, at) ?? intervalAt(proposed, at);
          return of ? words(of) : '';
        }}
        axis={axis}
        row={cells}
        hovered={hovered}
        selection={shown}
        impossible={impossible}
        findings={null}
        blocks={NO_BLOCKS}
        traits={NO_TRAITS}
        gestures={gestures}
        hintId={hintId}
      />
      {isInterval(marked) && <div className={styles.marked} style={{ ...spanOf(axis, marked), ...box }} />}
      {refused && <div className={styles.refused} style={{ ...spanOf(axis, refused), ...box }} />}
      {proposed.map((interval) => (
        <StripBracket
          key={`${interval.first}-${interval.last}`}
          name="Proposed text group"
          words={words(interval)}
          interval={interval}
          span={spanOf(axis, interval, 0.5)}
          top={-6}
          height={cells.top + 6}
          pressed={containsInterval(chosen, interval)}
          refusal={refusalOf(interval, impossible)}
          share={null}
          agreement={null}
          onToggle={onToggle}
          onHover={hover}
        />
      ))}
      {shown.map((interval, index) =>
        (['first', 'last'] as const).map((edge) => (
          <StripHandle
            // biome-ignore lint/suspicious/noArrayIndexKey: an edge keeps its focus while its group changes
            key={`${index}-${edge}`}
            noun="text group"
            axis={axis}
            interval={interval}
            edge={edge}
            chosen={shown}
            taken={[...chosen, ...impossible]}
            origin={chosen[index] ?? interval}
            top={cells.top}
            height={cells.height}
            gestures={gestures}
            onMoveEdge={onMoveEdge}
            onRemove={onRemove}
            onHover={hover}
          />
        )),
      )}
      <p id={hintId} className={styles.hidden}>
        Arrow keys move between blocks. Shift with an arrow key marks a range. Enter chooses the range, or the proposed
        text group at the block, or lets go of a chosen one. Delete clears the chosen text group.
      </p>
    </>
  );
}

const NO_BLOCKS: [] = [];
const NO_TRAITS: [] = [];
