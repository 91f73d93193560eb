/** The model the page is about, and the opening of another one. A folder that is refused leaves the open one in place. */
import { createStore } from 'zustand/vanilla';
import type { ModelSource } from '@/lib/compute/protocol.ts';
import type { ModelSummary } from '@/lib/core/folder/model-summary.ts';
import { settle, showError } from '../browser/notices.ts';
import { ask } from './compute.ts';

export interface ModelState {
  /** Name of the folder being opened. */
  readonly opening: string | null;
  /** Where the open model came from, to open it again in a fresh worker. */
  readonly source: ModelSource | null;
  readonly summary: ModelSummary | null;
}

export const modelStore = createStore<ModelState>(() => ({ opening: null, source: null, summary: null }));

/** The summary, or null when the folder was refused; the notice then says which file and why. */
export async function openModel(source: ModelSource): Promise<ModelSummary | null> {
  modelStore.setState({ opening: source.name });
  settle('model');
  try {
    const summary = await ask('openModel', { source });
    modelStore.setState({ opening: null, source, summary });
    return summary;
  } catch (thrown) {
    modelStore.setState({ opening: null });
    showError('model', thrown);
    return null;
  }
}
