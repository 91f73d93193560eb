'use client';
/**
 * A report fills the page part by part, one in a frame: style, layout and paint of everything at once would hold the page for longer than
 * anyone should feel. Only what appears waits; what is there already follows every change at once.
 */
import { type ComponentType, useEffect, useState } from 'react';
import { afterPaint } from '@/components/charts/use-after-paint.ts';

/** Painted frames that parts wait for, in the order in which they are looked at. */
export const FRAMES_BEFORE = { noise: 1, intervals: 2, trajectories: 3, narrower: 4 } as const;

/** False until the page has painted `frames` frames since `is` became true. */
export function useFramesAfter(is: boolean, frames: number): boolean {
  const [isDue, setDue] = useState(false);
  useEffect(() => {
    if (!is) return;
    const takeBack = afterPaint(frames, () => setDue(true));
    return () => {
      takeBack();
      setDue(false);
    };
  }, [is, frames]);
  return is && isDue;
}

/** `Part`, `frames` frames after it was mounted; `Place` keeps its room until then. For parts that are loaded late and appear together. */
export function afterFrames<P extends object>(Part: ComponentType<P>, Place: ComponentType<P>, frames: number) {
  return function AfterFrames(props: P) {
    return useFramesAfter(true, frames) ? <Part {...props} /> : <Place {...props} />;
  };
}
