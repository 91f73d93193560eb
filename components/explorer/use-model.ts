'use client';
/**
 * The model and the choice of blocks as the page's parts read them. Another model comes in a transition, together with its choice and without
 * the report of the one before: all of them change in one step (`beginModel`), and so they are shown. A choice that follows another ranking comes
 * with that ranking (use-settings.ts). Any other choice is shown at once.
 */
import { type ModelState, modelStore } from '@/lib/page/explorer/model.ts';
import { RANKING_GESTURE } from '@/lib/page/explorer/ranking.ts';
import { type SelectionState, selectionStore } from '@/lib/page/explorer/selection.ts';
import { useSliced } from './use-sliced';

const isOtherModel = (state: ModelState, before: ModelState): boolean => state.summary !== before.summary;
const isLargeChoice = ({ model, selection }: SelectionState, before: SelectionState): boolean =>
  model !== before.model || (selection !== before.selection && selection.gesture === RANKING_GESTURE);

/** `select` must read nothing but the state; likewise of `useSelection`. */
export const useModel = <T>(select: (state: ModelState) => T): T => useSliced(modelStore, select, isOtherModel);

export const useSelection = <T>(select: (state: SelectionState) => T): T =>
  useSliced(selectionStore, select, isLargeChoice);
