'use client';
/**
 * Two plans over one block axis, a row of cells each: chosen runs as on the strip, a bar in every block that is made narrower, and a
 * frame around every block that differs between the plans.
 */
import { useMemo } from 'react';
import { type EditSet, editKey, narrowedBlocks, runsOf } from '@/lib/core/edit/index.ts';
import { intervalAt } from '@/lib/core/interval/index.ts';
import { blockAxis, centreOf, labelledBlocks, startOf } from './block-axis.ts';
import { spanOf } from './draw-layer-strip.ts';
import { type Mark, mark } from './marks.ts';
import { Marks } from './marks-view.tsx';
import { type ChartPalette, PAGE_PALETTE } from './palette.ts';
import type { ChartDepth } from './types.ts';

export interface PlanRow {
  /** "now", "held" */
  readonly label: string;
  readonly edits: EditSet;
}

const ROW = 18;
const STEP = 24;

export const planRowsHeight = (rows: number): number => rows * STEP + 16;

interface PlanRowsProps extends Pick<ChartDepth, 'numBlocks' | 'stacks'> {
  readonly width: number;
  readonly rows: readonly PlanRow[];
}

export function PlanRows({ width, numBlocks, stacks, rows }: PlanRowsProps) {
  const marks = useMemo(
    () => drawPlanRows({ numBlocks, stacks, rows }, width, PAGE_PALETTE),
    [numBlocks, stacks, rows, width],
  );
  return (
    <svg width={width} height={planRowsHeight(rows.length)} aria-hidden="true">
      <Marks marks={marks} />
    </svg>
  );
}

export function drawPlanRows(
  { numBlocks, stacks, rows }: Omit<PlanRowsProps, 'width'>,
  width: number,
  palette: ChartPalette,
): Mark[] {
  const axis = blockAxis(numBlocks, width, { stacks, left: 36, right: 2 });
  // A modulation that all blocks share marks none of them.
  const narrower = rows.map(({ edits }) => new Set(narrowedBlocks(withoutModulation(edits), numBlocks)));
  const changes = rows.map(({ edits }) => Array.from({ length: numBlocks }, (_, block) => changeOf(edits, block)));
  const marks: Mark[] = [];
  for (const [row, { label, edits }] of rows.entries()) {
    const y = row * STEP + 2;
    const name = { x: 0, y: y + ROW / 2, dy: '0.35em', 'font-size': 11, fill: palette.muted };
    marks.push(mark('text', name, label));
    for (let block = 0; block < numBlocks; block++) {
      const cell = { x: startOf(axis, block) + 0.5, y, width: Math.max(1, axis.step - 1), height: ROW, rx: 2 };
      const isNarrower = narrower[row]!.has(block);
      const differs = changes.some((one) => one[block] !== changes[row]![block]);
      marks.push(mark('rect', { ...cell, fill: palette.panel, stroke: palette.line, 'stroke-width': 0.5 }));
      if (isNarrower) {
        const bar = { x: cell.x + 1, y: y + ROW - 6, width: Math.max(1, cell.width - 2), height: 4 };
        marks.push(mark('rect', { ...bar, fill: palette.accent }));
      }
      if (differs) {
        marks.push(mark('rect', { ...cell, y: y - 2, height: ROW + 4, fill: 'none', stroke: palette.text }));
      }
    }
    for (const interval of runsOf(edits)) {
      const { left, width: span } = spanOf(axis, interval, 1);
      marks.push(mark('rect', { x: left, y: y + 2, width: span, height: ROW - 4, rx: 3, fill: palette.accent }));
    }
  }
  for (const block of labelledBlocks(axis)) {
    const at = { x: centreOf(axis, block), y: rows.length * STEP + 11, 'text-anchor': 'middle', 'font-size': 11 };
    marks.push(mark('text', { ...at, fill: palette.muted }, String(block)));
  }
  return marks;
}

const withoutModulation = (edits: EditSet): EditSet => edits.filter(({ on }) => on !== 'modulation');

/** What runs, text groups and linear FFNs make of one block: the same text for the same. */
function changeOf(edits: EditSet, block: number): string {
  const run = intervalAt(runsOf(edits), block);
  const group = intervalAt(
    edits.filter((edit) => edit.on === 'text-stream'),
    block,
  );
  const ffns = edits.filter((edit) => edit.on === 'ffn' && edit.block === block);
  // A run's first block stays, unless a student takes its place; only maps and students are of the whole run.
  const isSpan = run?.by === 'student' || run?.by === 'linear';
  const isChanged = run && (block > run.first || run.by === 'student');
  return [
    ...(isChanged ? [isSpan ? editKey(run) : run.by] : []),
    ...(group && block > group.first ? [`text of ${group.first}`] : []),
    ...ffns.map(editKey).sort(),
  ].join(', ');
}
