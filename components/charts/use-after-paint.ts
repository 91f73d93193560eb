'use client';
/**
 * `value`, or null until the page has painted once after `value` became what it is: for what nobody sees, such as the tables of charts
 * for screen readers, which would only make that frame longer.
 */
import { startTransition, useEffect, useState } from 'react';

export function useAfterPaint<T>(value: T): T | null {
  const [painted, setPainted] = useState<{ readonly value: T } | null>(null);
  useEffect(() => {
    // The second frame begins once the first is painted.
    let frame = requestAnimationFrame(() => {
      frame = requestAnimationFrame(() => startTransition(() => setPainted({ value })));
    });
    return () => cancelAnimationFrame(frame);
  }, [value]);
  return painted?.value === value ? value : null;
}
