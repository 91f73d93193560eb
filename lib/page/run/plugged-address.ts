/** Keeps what is plugged in and the address in step: read once at the start, replaced (never pushed) on every change. */
import { createStore, type StoreApi } from 'zustand/vanilla';
import { type PluggedChoice, readPlugged, writePlugged } from './plugged.ts';

const PARAM = 'plug';

export function pluggedStore(): StoreApi<PluggedChoice> {
  const param = typeof window === 'undefined' ? null : new URLSearchParams(window.location.search).get(PARAM);
  return createStore<PluggedChoice>(() => readPlugged(param));
}

/** Returns how to stop. */
export function followPlugged(store: StoreApi<PluggedChoice>): () => void {
  return store.subscribe((choice) => {
    const address = new URL(window.location.href);
    const text = writePlugged(choice);
    if (text === null) address.searchParams.delete(PARAM);
    else address.searchParams.set(PARAM, text);
    window.history.replaceState(window.history.state, '', address);
  });
}
