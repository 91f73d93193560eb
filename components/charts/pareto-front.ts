/** Which points no other beats: cheaper and of at least its quality, or as cheap and better. Pure. */
export interface Tradeoff {
  readonly cost: number;
  /** Higher is better. */
  readonly quality: number;
}

/** Undominated points, the cheapest first. Of equals the first given stays. */
export function paretoFront<P extends Tradeoff>(points: readonly P[]): P[] {
  const front: P[] = [];
  let best = Number.NEGATIVE_INFINITY;
  for (const point of [...points].sort((a, b) => a.cost - b.cost || b.quality - a.quality)) {
    if (point.quality <= best) continue;
    best = point.quality;
    front.push(point);
  }
  return front;
}
