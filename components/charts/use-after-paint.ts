'use client';
/**
 * `value`, one painted frame later; until then the one before. For what is not drawn, such as the tables of charts for screen readers,
 * which would only make the frame of a new value longer.
 */
import { startTransition, useEffect, useState } from 'react';

export function useAfterPaint<T>(value: T | null): T | null {
  const [painted, setPainted] = useState<T | null>(null);
  useEffect(() => {
    // The second frame begins once the first is painted.
    let frame = requestAnimationFrame(() => {
      frame = requestAnimationFrame(() => startTransition(() => setPainted(() => value)));
    });
    return () => cancelAnimationFrame(frame);
  }, [value]);
  return value === null ? null : painted;
}
