'use client';
/** The choice, to take away: always in reach at the foot of the column. */
import { useRef } from 'react';
import { useStore } from 'zustand';
import { Button } from '@/components/ui/button';
import { modelStore } from '@/lib/page/explorer/model.ts';
import { copyLayerIndex, downloadConfig, downloadPlan, loadPlan } from '@/lib/page/explorer/plan-files.ts';
import { selectionStore } from '@/lib/page/explorer/selection.ts';

export function ExportPanel() {
  const open = useStore(modelStore, (state) => state.summary !== null);
  const empty = useStore(selectionStore, (state) => state.selection.present.length === 0);
  const picker = useRef<HTMLInputElement>(null);
  return (
    <section
      aria-label="Download"
      data-column-foot
      className="bottom-0 z-10 grid xl:sticky grid-cols-2 gap-2 border-t border-line bg-panel px-4 py-3"
    >
      <Button small disabled={!open || empty} onClick={downloadPlan}>
        Download plan
      </Button>
      <Button
        small
        disabled={!open || empty}
        title="config.json of the pruned model, as diffusers reads it"
        onClick={downloadConfig}
      >
        Download config
      </Button>
      <Button
        small
        disabled={!open || empty}
        title="The intervals as the official PPCL trainer takes them: --layer_index"
        onClick={() => void copyLayerIndex()}
      >
        Copy layer_index
      </Button>
      <Button small disabled={!open} onClick={() => picker.current?.click()}>
        Load plan
      </Button>
      <input
        ref={picker}
        type="file"
        accept=".json,application/json"
        hidden
        data-testid="plan-input"
        aria-label="Plan file"
        onChange={(event) => {
          const file = event.target.files?.[0];
          event.target.value = '';
          if (file) void loadPlan(file);
        }}
      />
    </section>
  );
}
