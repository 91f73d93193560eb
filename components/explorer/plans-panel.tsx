'use client';
/**
 * All plans that no other one beats, and every choice that was measured in this visit, as points of one chart: cost against
 * what is predicted or measured. A click on a point makes it the choice.
 */
import { useCallback, useDeferredValue, useMemo, useState } from 'react';
import { useStore } from 'zustand';
import { Pareto, type ParetoLabels, type ParetoQuality, useWidth } from '@/components/charts';
import { Button } from '@/components/ui/button';
import { Choice } from '@/components/ui/choice';
import { Help } from '@/components/ui/help';
import { Panel } from '@/components/ui/panel';
import { LEAST_PAIRS } from '@/lib/core/detection/index.ts';
import { tokensOf } from '@/lib/core/plan/index.ts';
import { amountWords, choiceKey, costScale, type PredictionFit } from '@/lib/core/planner/index.ts';
import { correlationWords } from '@/lib/page/browser/confidence-words.ts';
import { type PageEdit, pageEdits } from '@/lib/page/explorer/edits.ts';
import { editsOfPlan } from '@/lib/page/explorer/plan-subject.ts';
import { plannerStore } from '@/lib/page/explorer/planner.ts';
import { timedChoice } from '@/lib/page/explorer/quiet-measurements.ts';
import { choose, gestureName } from '@/lib/page/explorer/selection.ts';
import { timesOf, timingStore } from '@/lib/page/explorer/timing.ts';
import { PlanBudget } from './plan-budget';
import { PlanCompare } from './plan-compare';
import { PlanKinds } from './plan-kinds';
import { type PlannedChoice, type PointScales, planPoints, planWords, pointScales } from './plan-points';
import { useAnalysed } from './use-analysis';
import { useModel, useSelection } from './use-model';
import { predictionFit, useMeasuredChoices, useOffers, usePlanned } from './use-planned';

const LABELS: Readonly<Record<ParetoQuality, ParetoLabels>> = {
  predicted: {
    points: 'Plans and measured choices',
    take: 'Choose',
    none: 'No plans: see the message above.',
    reading:
      'Dots: the best plan of each cost. Circles: measured choices. ◆ the whole model. Click a point to choose it.',
  },
  error: {
    points: 'Measured choices and plans',
    take: 'Choose',
    none: 'Choices appear here once they have been measured.',
    reading: `Circles: measured. Dots: plans, where the measured choices say that they would be, from ${LEAST_PAIRS} on. ◆ the whole model. Click a point to choose it.`,
  },
  facts: {
    points: 'Measured choices',
    take: 'Choose',
    none: 'Choices appear here once their pictures have been drawn.',
    reading: 'Filled: no other is smaller and better. ◆ the whole model. Click a point to choose its blocks again.',
  },
};
const AXES = {
  params: 'parameters',
  size: 'file size',
  flops: 'operations a step',
  time: 'time a step',
  memory: 'memory',
} as const;

export function PlansPanel() {
  const summary = useModel((state) => state.summary);
  // The chart follows a moment later, so that choosing answers at once.
  const chosen = useDeferredValue(useSelection((state) => state.selection.present));
  const kept = useStore(plannerStore, (state) => state.kept);
  const offers = useOffers(kept ? [kept] : []);
  const planned = usePlanned(offers);
  const choices = useMeasuredChoices();
  const timing = useStore(timingStore);
  const [ref, width] = useWidth<HTMLDivElement>();
  const [asked, setAsked] = useState<ParetoQuality>('predicted');
  const analysed = useAnalysed();
  const { report } = analysed;
  const [heldOf, setHeld] = useState<{ readonly model: string; readonly edits: readonly PageEdit[] } | null>(null);
  // What is held of another model says nothing here.
  const held = heldOf && heldOf.model === summary?.fingerprint ? heldOf.edits : null;
  // The front stays while ranks are tried that it does not offer.
  const known = useOffers([...(kept ? [kept] : []), chosen, held ?? [], ...choices.map(({ edits }) => edits)]);
  const quality = asked === 'facts' && !summary?.drawable ? 'error' : asked;
  const { scale: planScale = null, prediction = null } = planned?.scales ?? {};
  const scales = useMemo<PointScales | null>(() => {
    if (!summary) return null;
    const scale = planScale ?? costScale({ kind: 'params', dtype: null }, summary, null);
    const model = report ? { ...summary, tokensPerForward: tokensOf(summary, report.calibration) } : summary;
    const of = pointScales({ model, scale, prediction, fit: null, offers: known });
    return { ...of, fit: predictionFit(of, choices) };
  }, [summary, report, planScale, prediction, known, choices]);
  const front = planned?.front ?? null;
  const plans = useMemo<readonly PlannedChoice[]>(() => {
    const all = front?.points.map((point) => ({ ...point, edits: pageEdits(editsOfPlan(point)) })) ?? [];
    return [...all, { edits: pageEdits(chosen) }];
  }, [front, chosen]);
  const points = useMemo(
    () => (scales ? planPoints(choices, plans, quality, scales) : []),
    [choices, plans, quality, scales],
  );
  const axis = useMemo(() => {
    const kind = scales?.scale.kind ?? 'params';
    return { label: AXES[kind], text: (cost: number) => amountWords(kind, cost).replace(' parameters', '') };
  }, [scales]);
  const measured = useMemo(() => new Map(choices.map((choice) => [choiceKey(choice.edits), choice])), [choices]);
  const planAt = useMemo(() => {
    // A plan of the front says more than the choice that it is.
    const byKey = new Map(plans.toReversed().map((plan) => [choiceKey(plan.edits), plan]));
    return (key: string): PlannedChoice | undefined => byKey.get(key) ?? onlyEdits(measured.get(key));
  }, [plans, measured]);
  const inWords = useCallback(
    (key: string) => {
      const plan = planAt(key);
      if (!summary || !scales || !plan) return key;
      const timed = timedChoice(plan.edits, analysed);
      return planWords(summary, plan, scales, measured.get(key), timed ? timesOf(timing, timed) : []);
    },
    [planAt, measured, summary, scales, timing, analysed],
  );
  const onPlug = useCallback(
    (key: string) => {
      const plan = planAt(key);
      if (plan) choose({ type: 'choose', edits: plan.edits, gesture: gestureName('plans') });
    },
    [planAt],
  );
  const least = Math.min(planned?.least ?? Number.POSITIVE_INFINITY, ...points.map(({ cost }) => cost));
  return (
    <Panel
      title="Plans"
      help={
        <Help about="a plan under a budget">
          <p>
            Each dot is the best plan of its cost: of all plans that cost no more, none is predicted to do less damage.
            The <em>budget</em> is the dashed line; the best plan within it can be chosen. Circles are choices that have
            been measured since the model was opened, all of their edits together.
          </p>
          <p>
            Predicted damage adds up what the report says of each edit alone ({prediction?.label ?? 'n/a'}
            ). {planScale?.about ?? ''} Times and operations are of one drawing step.
          </p>
          <p>
            Locked and forbidden blocks are set on the strip above. Whiskers are 95 % intervals: a bootstrap over
            prompts for the output error, Wilson’s over facts. Two choices whose whiskers overlap have not been told
            apart.
          </p>
        </Help>
      }
      tools={
        <Choice
          name="Quality of plans"
          value={quality}
          onChange={setAsked}
          options={[
            { value: 'predicted', label: 'Predicted' },
            { value: 'error', label: 'Error' },
            ...(summary?.drawable ? [{ value: 'facts' as const, label: 'Facts' }] : []),
          ]}
        />
      }
    >
      {planned ? <PlanBudget planned={planned} scales={scales} /> : null}
      {summary && report ? <PlanKinds summary={summary} report={report} offers={offers} /> : null}
      <div ref={ref} className="max-w-xl">
        {summary && scales && width > 0 ? (
          <Pareto
            width={width}
            points={points}
            quality={quality}
            whole={scales.scale.before}
            least={Number.isFinite(least) ? least : 0}
            axis={axis}
            limit={limitOf(planned)}
            current={choiceKey(pageEdits(chosen))}
            labels={LABELS[quality]}
            inWords={inWords}
            onPlug={onPlug}
          />
        ) : (
          <div className="h-[272px]" />
        )}
      </div>
      {summary && held === null ? (
        <Button
          small
          className="mt-1"
          title="Holds the present choice, to see other plans beside it"
          onClick={() => setHeld({ model: summary.fingerprint, edits: pageEdits(chosen) })}
        >
          Hold to compare
        </Button>
      ) : null}
      {summary && report && held && scales ? (
        <PlanCompare
          width={width}
          model={summary}
          report={report}
          held={held}
          present={pageEdits(chosen)}
          choices={choices}
          scales={scales}
          offers={known}
          onLetGo={() => setHeld(null)}
          onTake={() => choose({ type: 'choose', edits: held, gesture: gestureName('plans') })}
        />
      ) : null}
      {scales?.fit ? <Prediction fit={scales.fit} isWhole={front?.isWhole ?? true} /> : null}
    </Panel>
  );
}

const onlyEdits = (choice: { readonly edits: readonly PageEdit[] } | undefined): PlannedChoice | undefined =>
  choice && { edits: choice.edits };

function limitOf(planned: ReturnType<typeof usePlanned>): number | null {
  const { budget, scales } = planned ?? {};
  if (!budget || !scales) return null;
  const { limit } = budget;
  return 'share' in limit ? limit.share * scales.scale.before : limit.amount;
}

/** How good the prediction is for this very model, as soon as enough was measured. */
function Prediction({ fit, isWhole }: { fit: PredictionFit; isWhole: boolean }) {
  const { correlation, factor } = fit;
  return (
    <p className="mt-1 max-w-xl text-2xs text-muted">
      {correlation
        ? `Predicted against measured output error: rank correlation ${correlationWords(correlation)} over ${correlation.n} measured choices${factor === null ? '' : `; two thirds lie within a factor of ${factor.toFixed(2)} of the fitted prediction`}.`
        : `How good the prediction is shows once ${LEAST_PAIRS} choices have been measured.`}
      {isWhole ? '' : ' Further best plans lie between two dots.'}
    </p>
  );
}
