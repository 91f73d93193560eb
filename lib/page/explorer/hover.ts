/** The block under the pointer anywhere on the page. Its own store, so that moving the pointer redraws charts alone. */
import { createStore } from 'zustand/vanilla';

export interface Hover {
  readonly block: number | null;
  /** In a heatmap, the row; `block` is the column. */
  readonly other?: number | null;
}

export const hoverStore = createStore<Hover>(() => ({ block: null, other: null }));

export function setHover({ block, other = null }: Hover): void {
  const now = hoverStore.getState();
  if (now.block !== block || (now.other ?? null) !== other) hoverStore.setState({ block, other }, true);
}
