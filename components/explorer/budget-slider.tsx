'use client';
/** One slider, "remove N blocks": takes detected intervals in the order of their predicted damage. */
import { type CSSProperties, useId } from 'react';

interface BudgetProps {
  most: number;
  removed: number;
  take: (count: number) => void;
  /** The choice is just what the slider would take, or that of least total, or neither. */
  origin: 'ranked' | 'least' | 'own';
  /** What "least" is least of. */
  least: string;
}

export function BudgetSlider({ most, removed, take, origin, least }: BudgetProps) {
  const id = useId();
  const words = `Remove ${removed} ${removed === 1 ? 'block' : 'blocks'}`;
  const top = Math.max(most, removed, 1);
  return (
    <div>
      <div className="flex items-baseline justify-between">
        <label htmlFor={id} className="font-medium">
          {words}
        </label>
        <span className="text-2xs text-muted">
          {most === 0 ? '' : originWords(removed === 0 ? 'ranked' : origin, most, least)}
        </span>
      </div>
      <input
        id={id}
        type="range"
        className="range mt-1"
        aria-label="Remove N blocks"
        aria-valuetext={words}
        min={0}
        max={top}
        step={1}
        disabled={most === 0}
        value={removed}
        style={{ '--filled': `${(removed / top) * 100}%` } as CSSProperties}
        onChange={(event) => take(event.target.valueAsNumber)}
      />
    </div>
  );
}

function originWords(origin: BudgetProps['origin'], most: number, least: string): string {
  if (origin === 'least') return `of least ${least}`;
  return origin === 'ranked' ? `of ${most} in detected intervals` : 'your own choice';
}
