'use client';
/** What a run should do, what it will take, and its start. Defaults work; the rest is folded. */
import { useCallback, useEffect, useState } from 'react';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { FieldGroup, useFieldProblems } from '@/components/ui/field-group';
import { runsOf } from '@/lib/core/edit/index.ts';
import { asContiguaError, type ContiguaError } from '@/lib/core/errors.ts';
import type { Plan } from '@/lib/core/plan/plan.ts';
import { serverApi } from '@/lib/page/api/api.ts';
import type { ModelPlaces, RunRequest, ServerModel } from '@/lib/page/api/run-api.ts';
import { type DistilForm, defaultForm, modelOf, requestOf } from '@/lib/page/distil-form/distil-form.ts';
import type { Analysed } from '@/lib/page/explorer/analysis-store.ts';
import { choiceWords, spanWords } from '@/lib/page/explorer/edit-words.ts';
import { modelStore } from '@/lib/page/explorer/model.ts';
import { presentPlan } from '@/lib/page/explorer/plan-figures.ts';
import { DistilAbsent } from './distil-absent';
import { DistilEstimate } from './distil-estimate';
import { DistilFields } from './distil-fields';

type Looked =
  | { readonly kind: 'looking' }
  | { readonly kind: 'unreachable'; readonly problem: ContiguaError }
  | { readonly kind: 'absent'; readonly places: ModelPlaces }
  | { readonly kind: 'found'; readonly model: ServerModel };

interface DistilDialogProps {
  analysed: Analysed;
  onClose: () => void;
}

export const DistilDialog = (props: DistilDialogProps) => (
  <FieldGroup>
    <Distil {...props} />
  </FieldGroup>
);

function Distil({ analysed, onClose }: DistilDialogProps) {
  const problems = useFieldProblems();
  const [plan] = useState<Plan | null>(() => presentPlan(analysed));
  const [looked, setLooked] = useState<Looked>({ kind: 'looking' });
  const [form, setForm] = useState<DistilForm | null>(null);
  const [starting, setStarting] = useState(false);
  /** Why the run was not begun. */
  const [refused, setRefused] = useState<ContiguaError | null>(null);
  const [tries, setTries] = useState(0);
  const [estimated, setEstimated] = useState(false);
  const again = useCallback(() => setTries((count) => count + 1), []);
  const answered = useCallback(() => setEstimated(true), []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `tries` asks again
  useEffect(() => {
    if (!plan) return;
    let stopped = false;
    const look = async () => {
      // The places stay in sight while they are looked at again.
      setLooked((before) => (before.kind === 'absent' ? before : { kind: 'looking' }));
      try {
        const api = await serverApi();
        const model = modelOf(await api.models(), plan);
        const next: Looked = model ? { kind: 'found', model } : { kind: 'absent', places: await api.places() };
        if (stopped) return;
        setLooked(next);
        setForm((before) => before ?? (model && defaultForm(model, modelStore.getState().summary?.width ?? 96)));
      } catch (thrown) {
        if (!stopped) setLooked({ kind: 'unreachable', problem: asContiguaError(thrown) });
      }
    };
    void look();
    return () => {
      stopped = true;
    };
  }, [plan, tries]);
  if (!plan) return null;
  const model = looked.kind === 'found' ? looked.model : null;
  const request = model && form ? requestOf(form, model, plan) : null;
  const start = async (asked: RunRequest) => {
    setStarting(true);
    setRefused(null);
    try {
      const id = await (await serverApi()).create(asked);
      window.location.assign(`/runs/${encodeURIComponent(id)}`);
    } catch (thrown) {
      setStarting(false);
      setRefused(asContiguaError(thrown));
    }
  };
  const intervals = runsOf(plan.edits).map(spanWords);
  const narrower = choiceWords(plan.edits.filter(({ on }) => on !== 'run'));
  return (
    <Dialog
      title="Distil"
      about={
        <>
          {intervals.length > 0 ? `One student block for each of ${intervals.join(', ')}: ` : ''}
          {plan.blocks.before} → {plan.blocks.after} blocks of {plan.model.name}.
          {plan.edits.length > intervals.length ? ` Trained besides: ${narrower}.` : ''}
        </>
      }
      onClose={onClose}
      className="w-[600px]"
      foot={
        <>
          {refused || problems.length > 0 ? (
            <p role={refused ? 'alert' : undefined} className="mr-auto min-w-0 text-xs wrap-anywhere text-danger">
              {refused?.message ?? problems[0]}
            </p>
          ) : null}
          <Button onClick={onClose}>Close</Button>
          <Button
            look="primary"
            disabled={!request || !estimated || starting || problems.length > 0}
            onClick={() => request && void start(request)}
          >
            {starting ? 'Starting…' : 'Start distilling'}
          </Button>
        </>
      }
    >
      <div className="min-h-[380px]">
        {looked.kind === 'looking' && !form ? <Looking /> : null}
        {looked.kind === 'unreachable' ? (
          <Trouble title="The server cannot be reached" message={looked.problem.message} onAgain={again} />
        ) : null}
        {looked.kind === 'absent' ? <DistilAbsent plan={plan} places={looked.places} onAgain={again} /> : null}
        {model && form ? (
          <>
            <DistilEstimate request={request} onAnswered={answered} />
            <DistilFields form={form} model={model} onChange={setForm} />
          </>
        ) : null}
      </div>
    </Dialog>
  );
}

function Looking() {
  return (
    <div aria-busy="true">
      <p className="mb-3 text-xs text-muted">Looking for this model on the server…</p>
      <div className="skeleton h-[76px] w-full" />
      <div className="mt-4 space-y-3">
        {[0, 1, 2, 3].map((row) => (
          <div key={row} className="skeleton h-8 w-full" />
        ))}
      </div>
    </div>
  );
}

function Trouble({ title, message, onAgain }: { title: string; message: string; onAgain: () => void }) {
  return (
    <div role="alert" className="rounded-md border border-danger bg-danger-soft p-3 text-xs">
      <p className="text-sm font-medium">{title}</p>
      <p className="mt-1 break-words">{message}</p>
      <Button small className="mt-2" onClick={onAgain}>
        Try again
      </Button>
    </div>
  );
}
