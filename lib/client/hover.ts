/** The block under the pointer anywhere on the page. Its own store, so that moving the pointer redraws charts alone. */
import { createStore } from 'zustand/vanilla';
import { type Hover, NO_HOVER } from '@/components/charts/types.ts';

export const hoverStore = createStore<Hover>(() => NO_HOVER);

export function setHover({ block, other = null }: Hover): void {
  const now = hoverStore.getState();
  if (now.block !== block || (now.other ?? null) !== other) hoverStore.setState({ block, other }, true);
}
