/** How far a worker is with probes that it fits again, for whatever the page asked of it. */
import { createStore } from 'zustand/vanilla';
import type { StageProgress } from './progress.ts';

export const refitStore = createStore<{ readonly progress: StageProgress | null }>(() => ({ progress: null }));

/** Shows a call's stage `probes` for as long as the call is in it; the other stages go to `otherwise`. */
export async function showingRefit<T>(
  call: (onProgress: (progress: StageProgress) => void) => Promise<T>,
  otherwise?: (progress: StageProgress) => void,
): Promise<T> {
  let shown: StageProgress | null = null;
  const end = () => {
    if (shown && refitStore.getState().progress === shown) refitStore.setState({ progress: null });
    shown = null;
  };
  try {
    return await call((progress) => {
      if (progress.stage === 'probes') {
        shown = progress;
        refitStore.setState({ progress });
        return;
      }
      end();
      otherwise?.(progress);
    });
  } finally {
    end();
  }
}

/** "Fitting probes again, 3 of 16" */
export const refitWords = ({ done, total }: StageProgress): string => `Fitting probes again, ${done} of ${total}`;
