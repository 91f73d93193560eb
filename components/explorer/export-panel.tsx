'use client';
/** The choice, to take away: always in reach at the foot of the column. */
import { Button } from '@/components/ui/button';
import { FileButton } from '@/components/ui/file-button';
import { copyLayerIndex, downloadConfig, downloadPlan, loadPlan } from '@/lib/page/explorer/plan-files.ts';
import { chosenRuns } from '@/lib/page/explorer/selection.ts';
import { useAnalysed } from './use-analysis';
import { useModel, useSelection } from './use-model';

export function ExportPanel() {
  const analysed = useAnalysed();
  const open = useModel((state) => state.summary !== null);
  const empty = useSelection((state) => state.selection.present.length === 0);
  const noRuns = useSelection((state) => chosenRuns(state).length === 0);
  return (
    <section
      aria-label="Download"
      data-column-foot
      className="bottom-0 z-10 grid xl:sticky grid-cols-2 gap-2 border-t border-line bg-panel px-4 py-3"
    >
      <Button small disabled={!open || empty} onClick={() => void downloadPlan(analysed)}>
        Download plan
      </Button>
      <Button
        small
        disabled={!open || empty}
        title="config.json of the edited model, as the class that holds it reads it"
        onClick={() => void downloadConfig()}
      >
        Download config
      </Button>
      <Button
        small
        disabled={!open || noRuns}
        title="The intervals, without narrower blocks, as the official PPCL trainer takes them: --layer_index"
        onClick={() => void copyLayerIndex()}
      >
        Copy layer_index
      </Button>
      <FileButton
        name="Plan file"
        testId="plan-input"
        accept=".json,application/json"
        small
        disabled={!open}
        onPick={([file]) => void loadPlan(file)}
      >
        Load plan
      </FileButton>
    </section>
  );
}
