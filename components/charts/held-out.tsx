'use client';
/** Direction and magnitude error of one student per stream, against what it has to beat: small charts, a column per stream. */
import { useMemo } from 'react';
import type { StreamSpec } from '@/lib/core/model/architecture.ts';
import type { Baselines, HeldOutPoint } from '@/lib/core/run/index.ts';
import styles from './charts.module.css';
import { drawHeldOut, HELD_OUT_HEIGHT, HELD_OUT_METRICS, METRIC_WORDS } from './draw-held-out.ts';
import { smallText } from './log-scale.ts';
import { Marks } from './marks-view.tsx';
import { PAGE_PALETTE } from './palette.ts';

interface HeldOutProps {
  readonly name: string;
  readonly width: number;
  readonly steps: number;
  readonly baselines: Baselines | null;
  readonly points: readonly HeldOutPoint[];
  readonly firstBlock: number;
  /** As the model declares them. */
  readonly streams: readonly StreamSpec[];
}

const GAP = 20;
export const HELD_OUT_TOTAL_HEIGHT = 2 * HELD_OUT_HEIGHT;

export function HeldOut({ name, width, steps, baselines, points, firstBlock, streams }: HeldOutProps) {
  const each = Math.floor((width - GAP * (streams.length - 1)) / Math.max(1, streams.length));
  const charts = useMemo(
    () =>
      HELD_OUT_METRICS.flatMap((metric, row) =>
        streams.map((stream, column) => ({
          key: `${metric} ${stream.id}`,
          transform: `translate(${column * (each + GAP)} ${row * HELD_OUT_HEIGHT})`,
          marks: drawHeldOut({ steps, baselines, points, metric, stream, firstBlock }, each, PAGE_PALETTE),
        })),
      ),
    [steps, baselines, points, firstBlock, streams, each],
  );
  const last = points.at(-1);
  const words = HELD_OUT_METRICS.flatMap((metric) =>
    streams.map(
      ({ id, label }) => `${label} ${METRIC_WORDS[metric]} ${smallText(last?.student[id]?.[metric] ?? null)}`,
    ),
  ).join(', ');
  return (
    <svg
      width={Math.max(0, width)}
      height={HELD_OUT_TOTAL_HEIGHT}
      className={styles.passive}
      role="img"
      aria-label={`Held-out errors of ${name}${last ? ` at step ${last.step}: ${words}` : ': not measured yet'}. The table below has every number.`}
    >
      {charts.map(({ key, transform, marks }) => (
        <g key={key} transform={transform}>
          <Marks marks={marks} />
        </g>
      ))}
    </svg>
  );
}
