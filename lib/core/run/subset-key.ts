/** One name for a choice of students: the database stores measurements under it, and the page finds them by it. */
import type { SubsetView } from './view.ts';

/** "3-4+5-7", with "fine-tuned:" before it for the jointly trained one; "" is the whole teacher. Keys in order of depth. */
export function subsetKey({ plugged, fineTuned }: Pick<SubsetView, 'plugged' | 'fineTuned'>): string {
  return `${fineTuned ? 'fine-tuned:' : ''}${plugged.join('+')}`;
}
