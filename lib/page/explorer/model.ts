/** The model the page is about, and the opening of another one. A folder that is refused leaves the open one in place. */
import { createStore } from 'zustand/vanilla';
import type { ModelSource } from '@/lib/compute/protocol.ts';
import type { ModelSummary } from '@/lib/core/folder/model-summary.ts';
import { settle, showError } from '../browser/notices.ts';
import { ask } from './compute.ts';

export interface ModelState {
  /** Name of the folder or file being opened. */
  readonly opening: string | null;
  /** Where the open model came from, to open it again in a fresh worker. */
  readonly source: ModelSource | null;
  readonly summary: ModelSummary | null;
}

export const modelStore = createStore<ModelState>(() => ({ opening: null, source: null, summary: null }));

/**
 * The summary, or null when the folder was refused; the notice then says which file and why. `onOpened` runs in the same
 * step in which the model changes, so that nothing of the one before is ever shown with it.
 */
export async function openModel(
  source: ModelSource,
  onOpened: (summary: ModelSummary) => void,
): Promise<ModelSummary | null> {
  // One picked file has no folder to be named by.
  const only = source.kind === 'files' && source.files.length === 1 ? source.files[0]?.path : undefined;
  modelStore.setState({ opening: only ?? source.name });
  settle('model');
  try {
    const summary = await ask('openModel', { source });
    modelStore.setState({ opening: null, source, summary });
    onOpened(summary);
    return summary;
  } catch (thrown) {
    modelStore.setState({ opening: null });
    showError('model', thrown);
    return null;
  }
}
