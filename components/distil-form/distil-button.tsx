'use client';
/** From the plan to a run: opens the dialog, which is loaded when it is first asked for. */
import { type ComponentType, useState } from 'react';
import { useStore } from 'zustand';
import { Button } from '@/components/ui/button';
import { showError } from '@/lib/page/browser/notices.ts';
import { modelStore } from '@/lib/page/explorer/model.ts';
import { chosenNarrower, chosenRuns, selectionStore } from '@/lib/page/explorer/selection.ts';

export function DistilButton() {
  const ready = useStore(modelStore, (state) => state.summary !== null);
  const noRuns = useStore(selectionStore, (state) => chosenRuns(state).length === 0);
  const isNarrower = useStore(selectionStore, (state) => chosenNarrower(state).length > 0);
  const [Open, setOpen] = useState<ComponentType<{ onClose: () => void }> | null>(null);
  const open = async () => {
    try {
      const { DistilDialog } = await import('./distil-dialog');
      setOpen(() => DistilDialog);
    } catch (thrown) {
      showError('run', thrown);
    }
  };
  return (
    <>
      <Button
        small
        look="primary"
        disabled={!ready || noRuns}
        title={titleOf(noRuns, isNarrower)}
        onClick={() => void open()}
      >
        Distil
      </Button>
      {Open ? <Open onClose={() => setOpen(null)} /> : null}
    </>
  );
}

function titleOf(noRuns: boolean, isNarrower: boolean): string {
  if (noRuns && isNarrower) {
    return 'A run trains one student for each interval, and none is chosen: narrower blocks are fitted by contigua export';
  }
  if (noRuns) return 'Choose intervals first';
  const alone = isNarrower ? ' Narrower blocks are not part of the run.' : '';
  return `Train one student block per chosen interval, on the server.${alone}`;
}
