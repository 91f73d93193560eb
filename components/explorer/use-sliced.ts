'use client';
/**
 * A store as the page's parts read it, where some of its changes redraw most of the page. What follows a store by `useSyncExternalStore`
 * always renders in one task with all others: 60 ms of processor time for a report of 24 blocks, 90 ms for another model. Large changes are
 * therefore taken in a transition: React renders it in slices and shows it in all places at once. All else is shown at once, as other stores are.
 */
import { startTransition, useEffect, useState } from 'react';
import type { StoreApi } from 'zustand/vanilla';

/** `select` and `isLarge` must read nothing but the states, as they are not asked again when a component renders. */
export function useSliced<S, T>(
  store: Pick<StoreApi<S>, 'getState' | 'subscribe'>,
  select: (state: S) => T,
  isLarge: (state: S, before: S) => boolean,
): T {
  const [shown, setShown] = useState(() => ({ value: select(store.getState()) }));
  // biome-ignore lint/correctness/useExhaustiveDependencies: see above
  useEffect(() => {
    const show = (value: T) => setShown((before) => (Object.is(before.value, value) ? before : { value }));
    // It may have changed between the first render and now.
    show(select(store.getState()));
    return store.subscribe((state, before) => {
      const value = select(state);
      if (Object.is(value, select(before))) return;
      if (isLarge(state, before)) startTransition(() => show(value));
      else show(value);
    });
  }, []);
  return shown.value;
}
