'use client';
/**
 * What was tried as points to look at and to take up again: click, or Tab into the chart and move with the arrow keys
 * from the smallest to the largest, Enter to take it.
 */
import { type KeyboardEvent, memo, useMemo, useRef, useState } from 'react';
import styles from './charts.module.css';
import {
  drawPareto,
  drawParetoPoint,
  frontKeys,
  PARETO_HEIGHT,
  type ParetoData,
  type ParetoPoint,
  type ParetoScales,
  paretoScales,
} from './draw-pareto.ts';
import { Marks } from './marks-view.tsx';
import { PAGE_PALETTE } from './palette.ts';

interface ParetoProps extends ParetoData {
  readonly width: number;
  readonly current: string;
  /** A point in words: its subset and its numbers. Memoise it, and `onPlug`: all points are drawn anew with them. */
  readonly inWords: (key: string) => string;
  readonly onPlug: (key: string) => void;
  readonly labels: ParetoLabels;
}

export interface ParetoLabels {
  /** What the points are: "Tried subsets". */
  readonly points: string;
  /** What a click does with one: "Plug in". */
  readonly take: string;
  readonly none: string;
  /** How the chart is read, while no point is pointed at. */
  readonly reading: string;
}

const HIT = 20;

export function Pareto(props: ParetoProps) {
  const { width, current, inWords, onPlug, labels, points, quality, whole, least, axis, limit } = props;
  const [hovered, setHovered] = useState<string | null>(null);
  const [stop, setStop] = useState<string | null>(null);
  const list = useRef<HTMLDivElement>(null);
  const drawn = useMemo(() => {
    const data = { points, quality, whole, least, axis, limit };
    const scales = paretoScales(data, width);
    return { scales, frame: drawPareto(data, scales, PAGE_PALETTE), front: frontKeys(data) };
  }, [points, quality, whole, least, axis, limit, width]);
  const { scales, frame, front } = drawn;
  const ordered = useMemo(() => [...points].sort((a, b) => a.cost - b.cost || a.value - b.value), [points]);
  const focusable = ordered.find(({ key }) => key === stop) ?? ordered.find(({ key }) => key === current) ?? ordered[0];
  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    const at = ordered.findIndex(({ key }) => key === focusable?.key);
    const targets: Record<string, number> = {
      ArrowLeft: at - 1,
      ArrowDown: at - 1,
      ArrowRight: at + 1,
      ArrowUp: at + 1,
      Home: 0,
      End: ordered.length - 1,
    };
    const target = targets[event.key];
    if (target === undefined) return;
    event.preventDefault();
    const next = ordered[Math.min(ordered.length - 1, Math.max(0, target))];
    if (!next) return;
    setStop(next.key);
    list.current?.querySelector<HTMLElement>(`[data-subset="${next.key}"]`)?.focus();
  };
  return (
    <div className={styles.trajectories} style={{ width, height: PARETO_HEIGHT + 40 }}>
      <svg width={width} height={PARETO_HEIGHT} className={styles.passive} aria-hidden="true">
        <Marks marks={frame} />
        {ordered.map((point) => (
          <Point
            key={point.key}
            point={point}
            isCurrent={point.key === current}
            isOnFront={front.has(point.key)}
            scales={scales}
          />
        ))}
      </svg>
      {/* biome-ignore lint/a11y/useSemanticElements: no element groups the points of a chart */}
      <div ref={list} role="group" aria-label={`${labels.points}, smallest first`} onKeyDown={onKeyDown}>
        {ordered.map((point) => (
          <PointButton
            key={point.key}
            point={point}
            isCurrent={point.key === current}
            isTabStop={point.key === focusable?.key}
            scales={scales}
            take={labels.take}
            inWords={inWords}
            onHover={setHovered}
            onStop={setStop}
            onPlug={onPlug}
          />
        ))}
      </div>
      <p className={styles.note} style={{ top: PARETO_HEIGHT + 2 }}>
        {hovered !== null ? inWords(hovered) : points.length === 0 ? labels.none : labels.reading}
      </p>
    </div>
  );
}

interface PointProps {
  readonly point: ParetoPoint;
  readonly isCurrent: boolean;
  readonly scales: ParetoScales;
}

/** Memoised, as its button is: there may be a hundred of them, and pointing at one changes none. */
const Point = memo(function Point({ point, isCurrent, isOnFront, scales }: PointProps & { isOnFront: boolean }) {
  return <Marks marks={drawParetoPoint(point, isCurrent, isOnFront, scales, PAGE_PALETTE)} />;
});

interface PointButtonProps extends PointProps, Pick<ParetoProps, 'inWords' | 'onPlug'> {
  readonly isTabStop: boolean;
  readonly take: string;
  readonly onHover: (key: string | null) => void;
  readonly onStop: (key: string) => void;
}

const PointButton = memo(function PointButton(props: PointButtonProps) {
  const { point, isCurrent, isTabStop, scales, take, inWords, onHover, onStop, onPlug } = props;
  const { key, cost, value } = point;
  return (
    <button
      type="button"
      data-subset={key}
      tabIndex={isTabStop ? 0 : -1}
      aria-pressed={isCurrent}
      aria-label={`${take} ${inWords(key)}`}
      className={styles.point}
      style={{ left: scales.x(cost) - HIT / 2, top: scales.y(value) - HIT / 2 }}
      onPointerEnter={() => onHover(key)}
      onPointerLeave={() => onHover(null)}
      onFocus={() => {
        onStop(key);
        onHover(key);
      }}
      onBlur={() => onHover(null)}
      onClick={() => onPlug(key)}
    />
  );
});
