'use client';
import { startTransition, useEffect, useState } from 'react';

/** Calls `then` once the page has painted `frames` frames; returns what takes that back. */
export function afterPaint(frames: number, then: () => void): () => void {
  let left = frames;
  // A frame is painted once the next one begins.
  const next = () => {
    if (left-- > 0) frame = requestAnimationFrame(next);
    else then();
  };
  let frame = requestAnimationFrame(next);
  return () => cancelAnimationFrame(frame);
}

/**
 * `value`, one painted frame later; until then the one before. For what is not drawn, such as the tables of charts for screen readers,
 * which would only make the frame of a new value longer.
 */
export function useAfterPaint<T>(value: T | null): T | null {
  const [painted, setPainted] = useState<T | null>(null);
  useEffect(() => afterPaint(1, () => startTransition(() => setPainted(() => value))), [value]);
  return value === null ? null : painted;
}
