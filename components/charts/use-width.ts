'use client';
/**
 * The width of an element in whole CSS pixels, 0 until it is measured. Measure the column once and give every chart in
 * it the same number: that is what makes their block axes line up.
 */
import { type RefObject, useEffect, useRef, useState } from 'react';

export function useWidth<E extends HTMLElement = HTMLDivElement>(): readonly [RefObject<E | null>, number] {
  const ref = useRef<E>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const node = ref.current;
    if (!node) return;
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setWidth(Math.floor(entry.contentRect.width));
    });
    observer.observe(node);
    return () => observer.disconnect();
  }, []);
  return [ref, width];
}
