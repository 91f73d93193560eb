'use client';
/** The wall clock in milliseconds, ticking once a second while asked to; 0 before the first tick. */
import { useEffect, useState } from 'react';

export function useNow(ticking: boolean): number {
  const [nowMs, setNowMs] = useState(0);
  useEffect(() => {
    if (!ticking) return;
    const tick = () => setNowMs(Date.now());
    tick();
    const timer = setInterval(tick, 1_000);
    return () => clearInterval(timer);
  }, [ticking]);
  return nowMs;
}
