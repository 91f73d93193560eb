'use client';
/** The lit bands of hovered blocks behind a chart on the block axis. */
import { type BlockAxis, startOf } from './block-axis.ts';
import { PAGE_PALETTE } from './palette.ts';
import type { Hover } from './types.ts';

interface HoverBandsProps {
  readonly axis: BlockAxis;
  readonly hovered: Hover;
  readonly top: number;
  readonly height: number;
}

export function HoverBands({ axis, hovered, top, height }: HoverBandsProps) {
  const blocks = new Set([hovered.block, hovered.other ?? null]);
  blocks.delete(null);
  return [...blocks].map((block) => (
    <rect
      key={block}
      x={startOf(axis, block ?? 0)}
      y={top}
      width={axis.step}
      height={height}
      fill={PAGE_PALETTE.text}
      fillOpacity={0.07}
    />
  ));
}
