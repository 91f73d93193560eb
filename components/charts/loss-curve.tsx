'use client';
/** The loss of one job, or of several runs' over each other, with the values under the pointer below. */
import { useMemo, useState } from 'react';
import type { StepPoint } from '@/lib/core/run/index.ts';
import styles from './charts.module.css';
import {
  drawLossFrame,
  drawLossKey,
  drawLossSeries,
  LOSS_HEIGHT,
  LOSS_ROWS,
  type LossSeries,
  lossKeyHeight,
  lossScales,
} from './draw-loss-curve.ts';
import { type LogDomain, smallText } from './log-scale.ts';
import { Marks } from './marks-view.tsx';
import { countText } from './number-text.ts';
import { PAGE_PALETTE } from './palette.ts';

interface LossCurveProps {
  /** What the curve is of, for assistive technology: "Interval 3 to 4". */
  readonly name: string;
  readonly width: number;
  readonly steps: number;
  readonly series: readonly LossSeries[];
  /** Null before any step. */
  readonly domain: LogDomain | null;
  /** Further numbers of a step, for the readout. */
  readonly points?: readonly StepPoint[];
  /** What the readout says before there is a step. */
  readonly empty: string;
}

const EMPTY_DOMAIN: LogDomain = [0.001, 1];

export function LossCurve({ name, width, steps, series, domain, points, empty }: LossCurveProps) {
  const [hovered, setHovered] = useState<number | null>(null);
  const scales = useMemo(() => lossScales({ steps, domain: domain ?? EMPTY_DOMAIN }, width), [steps, domain, width]);
  const frame = useMemo(() => drawLossFrame({ steps }, scales, PAGE_PALETTE), [steps, scales]);
  const lines = useMemo(
    () => drawLossSeries({ steps, series, domain: domain ?? EMPTY_DOMAIN }, scales, PAGE_PALETTE),
    [steps, series, domain, scales],
  );
  const key = useMemo(() => drawLossKey(series, scales, PAGE_PALETTE), [series, scales]);
  const above = lossKeyHeight(series, scales);
  const height = above + LOSS_HEIGHT;
  const { plot, readout } = LOSS_ROWS;
  const last = Math.max(0, ...series.map((line) => line.steps.at(-1) ?? 0));
  const step = hovered === null ? last : Math.min(hovered, last);
  const values = series.map((line) => ({ line, index: indexOf(line.steps, step) }));
  const point =
    points && hovered !== null
      ? points[
          indexOf(
            points.map((p) => p.step),
            step,
          )
        ]
      : undefined;
  const words = values.map(({ line, index }) => `${line.name} ${smallText(line.smooth[index])}`).join(', ');
  return (
    <div className={styles.trajectories} style={{ width, height }}>
      <svg
        width={width}
        height={height}
        className={styles.passive}
        role="img"
        aria-label={`Loss of ${name}, log scale. ${last > 0 ? `Step ${last} of ${steps}: ${words}.` : empty}`}
      >
        <Marks marks={key} />
        <g transform={`translate(0 ${above})`}>
          <Marks marks={frame} />
          <Marks marks={lines} />
          {hovered !== null && last > 0 ? (
            <>
              <line
                x1={scales.x(step)}
                x2={scales.x(step)}
                y1={plot.top}
                y2={plot.top + plot.height}
                stroke={PAGE_PALETTE.text}
                strokeOpacity={0.4}
              />
              {values.map(({ line, index }) => {
                const value = line.smooth[index];
                return value ? (
                  <circle
                    key={line.name}
                    cx={scales.x(step)}
                    cy={scales.y(value)}
                    r={3}
                    fill={line.colour(PAGE_PALETTE)}
                    stroke={PAGE_PALETTE.background}
                  />
                ) : null;
              })}
            </>
          ) : null}
        </g>
      </svg>
      {/* For the mouse; the latest values stand below for everyone. */}
      <div
        aria-hidden="true"
        className={styles.surface}
        style={{ left: scales.left, width: scales.right - scales.left, top: above + plot.top, height: plot.height }}
        onPointerMove={({ clientX, currentTarget }) => {
          const { left } = currentTarget.getBoundingClientRect();
          setHovered(Math.max(1, Math.round(scales.stepAt(clientX - left + scales.left))));
        }}
        onPointerLeave={() => setHovered(null)}
      />
      <div className={styles.readout} style={{ top: above + readout.top, left: scales.left, right: 0 }}>
        {last > 0 ? (
          <>
            <b>Step {countText(step)}</b>
            {values.map(({ line, index }) => ` · ${valueWords(line, index, step)}`)}
            {point
              ? ` · gradient ${smallText(point.gradientNorm)} · rate ${smallText(point.learningRate)} · ${Math.round(point.durationMs)} ms`
              : null}
          </>
        ) : (
          empty
        )}
      </div>
    </div>
  );
}

/** A line that ended before the step under the pointer says where. */
function valueWords({ name, steps, smooth }: LossSeries, index: number, step: number): string {
  const last = steps.at(-1) ?? 0;
  return `${name} ${smallText(smooth[index] ?? null)}${last < step ? ` (step ${countText(last)})` : ''}`;
}

/** Of the last step at or before `step`; 0 where there is none. Steps are in order. */
function indexOf(steps: readonly number[], step: number): number {
  let low = 0;
  let high = steps.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((steps[middle] ?? 0) <= step) low = middle;
    else high = middle - 1;
  }
  return low;
}
