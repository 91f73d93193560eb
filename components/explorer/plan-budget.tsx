'use client';
/** The budget: its kind, its value as an amount or a share, and the best plan within it to take. */
import { useId } from 'react';
import { useStore } from 'zustand';
import { Button } from '@/components/ui/button';
import { Select } from '@/components/ui/select';
import { Switch } from '@/components/ui/switch';
import { removedCount } from '@/lib/core/interval/index.ts';
import { amountWords, BUDGET_DTYPES, type BudgetDtype, choiceKey, takesDtype } from '@/lib/core/planner/index.ts';
import { choiceWords } from '@/lib/page/explorer/edit-words.ts';
import { pageEdits } from '@/lib/page/explorer/edits.ts';
import { editsOfPlan } from '@/lib/page/explorer/plan-subject.ts';
import { plannerStore, setBudgetKind } from '@/lib/page/explorer/planner.ts';
import { choose, gestureName } from '@/lib/page/explorer/selection.ts';
import { type PointScales, predictionWords } from './plan-points';
import { useSelection } from './use-model';
import type { Planned } from './use-planned';

const KINDS = [
  { value: 'params', label: 'Parameters' },
  { value: 'size', label: 'File size' },
  { value: 'flops', label: 'FLOPs a step' },
  { value: 'time', label: 'Time a step' },
  { value: 'memory', label: 'Memory' },
] as const;
const DTYPES = [
  { value: 'stored', label: 'as stored' },
  ...(Object.keys(BUDGET_DTYPES) as BudgetDtype[]).map((dtype) => ({ value: dtype, label: dtype })),
] as const;

export function PlanBudget({ planned, scales }: { planned: Planned; scales: PointScales | null }) {
  const { kind, value, dtype, kept } = useStore(plannerStore);
  const chosen = useSelection((state) => state.selection.present);
  const id = useId();
  const { best, problem, isEarlier } = planned;
  const edits = best && pageEdits(editsOfPlan(best));
  const isTaken = edits !== null && choiceKey(edits) === choiceKey(pageEdits(chosen));
  return (
    <div className="mb-2 max-w-xl text-xs">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1.5">
        <Select label="Budget" value={kind} options={KINDS} onChange={setBudgetKind} />
        <label htmlFor={id} className="sr-only">
          At most
        </label>
        <input
          id={id}
          autoComplete="off"
          spellCheck={false}
          value={value}
          title="An amount such as 12B, 24GB, 1.5TFLOP or 1.2s, or a share of the whole model such as 60%"
          aria-invalid={problem !== null && best === null}
          aria-describedby={`${id}-best`}
          onChange={(event) => plannerStore.setState({ value: event.target.value })}
          className="h-7 w-20 rounded-md border border-line bg-panel px-2 text-right text-xs text-ink aria-invalid:border-danger"
        />
        {takesDtype(kind) ? (
          <Select
            label="at"
            value={dtype ?? 'stored'}
            options={DTYPES}
            onChange={(next) => plannerStore.setState({ dtype: next === 'stored' ? null : next })}
          />
        ) : null}
        <span className="ml-auto flex items-center gap-2 text-muted">
          <span title="Every plan then has what is chosen now">
            {kept === null ? 'Keep what is chosen' : `Keeps ${choiceWords(pageEdits(kept))}`}
          </span>
          <Switch
            name="Keep what is chosen in every plan"
            on={kept !== null}
            onChange={(on) => plannerStore.setState({ kept: on ? pageEdits(chosen) : null })}
          />
        </span>
      </div>
      <div
        id={`${id}-best`}
        className="mt-1.5 flex min-h-10 items-start gap-2"
        aria-live="polite"
        aria-busy={isEarlier}
      >
        {best && edits && scales ? (
          <>
            <p className="min-w-0 flex-1 text-muted">
              <span className="font-medium text-ink">Best plan: {choiceWords(edits)}</span>
              {` · ${removedCount(best.edits)} blocks out, ${amountWords(scales.scale.kind, best.cost).replace(' parameters', '')} of ${amountWords(scales.scale.kind, scales.scale.before)} (${((100 * best.cost) / scales.scale.before).toFixed(0)} %)`}
              {edits.length > 0 ? `, ${predictionWords({ ...best, edits }, scales) ?? ''}` : ''}
            </p>
            <Button
              small
              disabled={isTaken || isEarlier}
              onClick={() => choose({ type: 'choose', edits, gesture: gestureName('plans') })}
            >
              {isTaken ? 'Chosen' : 'Choose it'}
            </Button>
          </>
        ) : (
          <p role="alert" className="text-danger">
            {problem}
          </p>
        )}
      </div>
    </div>
  );
}
