'use client';
/** One more interval for this run; the students that it has stay as they are. */
import { useState } from 'react';
import { Button } from '@/components/ui/button';
import { FieldGroup, useFieldProblems } from '@/components/ui/field-group';
import { NumberField } from '@/components/ui/number-field';
import { Popover } from '@/components/ui/popover';
import { overlap, whyNoInterval } from '@/lib/core/interval/index.ts';
import type { RunView } from '@/lib/core/run/index.ts';
import { jobName } from '@/lib/page/run/run-progress.ts';
import { useOpenRun, useRun, useRunPage } from './run-context';

export function RunAddInterval() {
  const view = useRun((run) => run.view);
  return (
    <Popover
      name="Add interval"
      label="Add interval"
      disabled={!view}
      panelClass="w-72"
      buttonClass="inline-flex h-7 items-center rounded-md border border-line bg-panel px-2 text-xs hover:bg-panel-2 disabled:opacity-45"
    >
      {view ? (
        <FieldGroup>
          <AddForm view={view} />
        </FieldGroup>
      ) : null}
    </Popover>
  );
}

function AddForm({ view }: { view: RunView }) {
  const { open } = useRunPage();
  const asking = useOpenRun((state) => state.asking);
  const problems = useFieldProblems();
  const { numBlocks } = view.model;
  const blocks = { min: 0, max: numBlocks - 1, whole: true };
  const [first, setFirst] = useState(() => firstFree(view));
  const [last, setLast] = useState(() => Math.min(numBlocks - 1, firstFree(view) + 1));
  const interval = { first, last };
  const taken = view.jobs.find(({ edit }) => edit && overlap(edit, interval));
  const reason =
    whyNoInterval(interval, view.plan.model) ?? (taken ? `It shares blocks with ${jobName(taken)}.` : null);
  const others = view.jobs.some(({ kind }) => kind !== 'student');
  const kept = others
    ? 'Finished students are not trained again; maps behind the interval, modulations and the joint fine-tune are.'
    : 'Finished students are not trained again.';
  return (
    <form
      className="space-y-3"
      onSubmit={(event) => {
        event.preventDefault();
        if (!reason && problems.length === 0) void open.ask((api) => api.addInterval(open.id, interval));
      }}
    >
      <div className="grid grid-cols-2 gap-2">
        <NumberField label="First block" value={first} range={blocks} onChange={setFirst} />
        <NumberField label="Last block" value={last} range={blocks} onChange={setLast} />
      </div>
      <p className="min-h-8 text-xs text-muted">{reason ?? `Trained with the settings of this run. ${kept}`}</p>
      <Button type="submit" small className="w-full" disabled={reason !== null || problems.length > 0 || asking}>
        Add and train
      </Button>
    </form>
  );
}

/** The first two neighbours that no interval holds, or the last two blocks. */
function firstFree({ jobs, model }: RunView): number {
  for (let block = 0; block + 1 < model.numBlocks; block++) {
    const pair = { first: block, last: block + 1 };
    if (!jobs.some(({ edit }) => edit && overlap(edit, pair))) return block;
  }
  return model.numBlocks - 2;
}
