/** Which of the measured subsets no other beats: fewer parameters and at least its quality, or more and as few. Pure. */
export interface Tradeoff {
  readonly parameters: number;
  /** Higher is better. */
  readonly quality: number;
}

/** Undominated points, fewest parameters first. Of equals the first given stays. */
export function paretoFront<P extends Tradeoff>(points: readonly P[]): P[] {
  const front: P[] = [];
  let best = Number.NEGATIVE_INFINITY;
  for (const point of [...points].sort((a, b) => a.parameters - b.parameters || b.quality - a.quality)) {
    if (point.quality <= best) continue;
    best = point.quality;
    front.push(point);
  }
  return front;
}
