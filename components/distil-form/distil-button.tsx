'use client';
/** From the plan to a run: opens the dialog, which is loaded when it is first asked for. */
import { type ComponentType, useState } from 'react';
import { useStore } from 'zustand';
import { Button } from '@/components/ui/button';
import { showError } from '@/lib/page/browser/notices.ts';
import type { Analysed } from '@/lib/page/explorer/analysis-store.ts';
import { modelStore } from '@/lib/page/explorer/model.ts';
import { selectionStore } from '@/lib/page/explorer/selection.ts';

/** `analysed`: what a run's plan states of measurements. */
export function DistilButton({ analysed }: { analysed: Analysed }) {
  const ready = useStore(modelStore, (state) => state.summary !== null);
  const empty = useStore(selectionStore, (state) => state.selection.present.length === 0);
  const [Open, setOpen] = useState<ComponentType<{ analysed: Analysed; onClose: () => void }> | null>(null);
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
        disabled={!ready || empty}
        title={
          empty
            ? 'Choose something first'
            : 'Train students, linear maps and shared modulations of the choice, on the server'
        }
        onClick={() => void open()}
      >
        Distil
      </Button>
      {Open ? <Open analysed={analysed} onClose={() => setOpen(null)} /> : null}
    </>
  );
}
