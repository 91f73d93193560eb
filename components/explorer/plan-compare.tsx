'use client';
/** The choice on the page beside one that is held: intervals, costs of every kind, what is predicted and measured, pictures, and where they differ. */
import { Fragment, useMemo } from 'react';
import { useStore } from 'zustand';
import { PlanRows } from '@/components/charts';
import { Button } from '@/components/ui/button';
import { estimatedError } from '@/lib/core/detection/index.ts';
import { runsOf, sameEdit } from '@/lib/core/edit/index.ts';
import type { ModelSummary } from '@/lib/core/folder/model-summary.ts';
import { removedCount } from '@/lib/core/interval/index.ts';
import { tokensOf } from '@/lib/core/plan/index.ts';
import { amountWords, choiceKey, costScales, type WidthOffer } from '@/lib/core/planner/index.ts';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { countedRangeWords, countedWords, shareRangeWords } from '@/lib/page/browser/confidence-words.ts';
import { engineWords } from '@/lib/page/browser/engine-words.ts';
import { changeWords, percentWords } from '@/lib/page/browser/number-words.ts';
import { isCounted } from '@/lib/page/explorer/choice-quality.ts';
import { choiceWords } from '@/lib/page/explorer/edit-words.ts';
import type { PageEdit } from '@/lib/page/explorer/edits.ts';
import type { MeasuredChoice } from '@/lib/page/explorer/measured-choice.ts';
import { timedChoice } from '@/lib/page/explorer/quiet-measurements.ts';
import { type TimedForward, timeChangeWords, timesOf, timeWords, timingStore } from '@/lib/page/explorer/timing.ts';
import { ComparePictures } from './compare-pictures';
import { damageWords, type PointScales, pointScales } from './plan-points';
import { useAnalysed } from './use-analysis';

interface PlanCompareProps {
  width: number;
  model: ModelSummary;
  report: AnalysisReport;
  held: readonly PageEdit[];
  present: readonly PageEdit[];
  choices: readonly MeasuredChoice[];
  scales: PointScales;
  /** What is known of edits that make blocks narrower. */
  offers: readonly WidthOffer[];
  onLetGo: () => void;
  onTake: () => void;
}

const NAMES = {
  params: 'Parameters',
  size: 'File size',
  flops: 'FLOPs a step',
  time: 'Time a step',
  memory: 'Memory',
} as const;

export function PlanCompare(props: PlanCompareProps) {
  const { width, model, report, held, present, choices, scales, offers, onLetGo, onTake } = props;
  const analysed = useAnalysed();
  const costs = useMemo(() => {
    const costed = { ...model, tokensPerForward: tokensOf(model, report.calibration) };
    return costScales(costed, report).map((scale) =>
      pointScales({ model: costed, scale, prediction: null, fit: null, offers }),
    );
  }, [model, report, offers]);
  const rows = useMemo(
    () => [
      { label: 'now', edits: present },
      { label: 'held', edits: held },
    ],
    [present, held],
  );
  const both = [present, held] as const;
  const blocksOf = (edits: readonly PageEdit[]) => model.numBlocks - removedCount(runsOf(edits));
  const timing = useStore(timingStore);
  const times = both.map((edits) => {
    const timed = timedChoice(edits, analysed);
    return timed && timesOf(timing, timed);
  });
  const measured = both.map((edits) => choices.find((one) => choiceKey(one.edits) === choiceKey(edits)));
  return (
    <div className="mt-3 max-w-xl border-t border-line pt-2">
      <div className="mb-1 flex items-center gap-2">
        <h3 className="text-xs font-semibold">Compared</h3>
        <span className="ml-auto" />
        <Button small look="ghost" onClick={onTake}>
          Choose the held one
        </Button>
        <Button small look="ghost" onClick={onLetGo}>
          Stop comparing
        </Button>
      </div>
      <PlanRows width={Math.min(width, 576)} numBlocks={model.numBlocks} stacks={model.stacks} rows={rows} />
      <table className="mt-1 w-full text-xs">
        <caption className="sr-only">Two plans compared</caption>
        <thead>
          <tr className="text-left text-2xs text-muted">
            <th scope="col" className="font-normal">
              <span className="sr-only">Figure</span>
            </th>
            <th scope="col" className="pl-2 font-normal">
              now
            </th>
            <th scope="col" className="pl-2 font-normal">
              held
            </th>
            <th scope="col" className="pl-2 text-right font-normal">
              held to now
            </th>
          </tr>
        </thead>
        <tbody>
          <Line name="Edits" cells={both.map(choiceWords)} />
          <Line name="Only here" cells={[onlyIn(present, held), onlyIn(held, present)]} />
          <Line
            name="Blocks"
            cells={both.map((edits) => String(blocksOf(edits)))}
            change={changeWords(blocksOf(held), blocksOf(present))}
          />
          {costs.map((of) => (
            <Fragment key={of.scale.kind}>
              <CostLine of={of} present={present} held={held} />
              {of.scale.kind === 'flops' ? <ForwardTimes times={times} /> : null}
            </Fragment>
          ))}
          <Line name="Predicted damage" cells={both.map((edits) => predicted(edits, scales))} />
          <Line name="Estimated error" cells={both.map((edits) => percentWords(estimatedError(report, edits)))} />
          <Line name="Output error" cells={measured.map(errorWords)} />
          {model.drawable ? <Line name="Facts held" cells={measured.map(factWords)} /> : null}
        </tbody>
      </table>
      {times.some((of) => of && of.length > 0) ? (
        <p className="mt-1 text-2xs text-muted">
          Forward times: medians of one sample, the whole model → the plan. Plans are compared by their share of the
          whole model’s time.
        </p>
      ) : null}
      {model.drawable ? <ComparePictures model={model} report={report} present={present} held={held} /> : null}
    </div>
  );
}

function CostLine({ of, present, held }: { of: PointScales } & Pick<PlanCompareProps, 'present' | 'held'>) {
  const { kind } = of.scale;
  const [now, before] = [of.costOf(present), of.costOf(held)];
  const words = (amount: number | null) =>
    amount === null ? 'n/a' : amountWords(kind, amount).replace(' parameters', '');
  const change = now === null || before === null ? '' : changeWords(before, now);
  return <Line name={NAMES[kind]} cells={[words(now), words(before)]} change={change} />;
}

/** Of the plan now and of the held one; null where nothing can be timed. */
type PlanTimes = readonly (readonly TimedForward[] | null)[];

/** A line for each engine that either was timed on. */
function ForwardTimes({ times }: { times: PlanTimes }) {
  const engines = enginesOf(times.flatMap((of) => of ?? []));
  if (engines.length === 0) return <Line name="Forward time" cells={times.map(untimedWords)} />;
  return engines.map((engine) => (
    <TimeLine
      key={`${engine.name} ${engine.device}`}
      engine={engine}
      isOneOfSeveral={engines.filter(({ name }) => name === engine.name).length > 1}
      times={times}
    />
  ));
}

interface TimeLineProps {
  engine: TimedForward['engine'];
  /** The device tells them apart. */
  isOneOfSeveral: boolean;
  times: PlanTimes;
}

/** Measured beside the whole model, run by run. */
function TimeLine({ engine, isOneOfSeveral, times }: TimeLineProps) {
  const results = times.map((of) => of?.find((one) => isSameEngine(one.engine, engine))?.result);
  const [now, held] = results;
  return (
    <Line
      name={`Forward time, ${engineWords(engine.name)}${isOneOfSeveral ? ` (${engine.device})` : ''}`}
      cells={results.map((result, plan) => (result ? timeWords(result) : untimedWords(times[plan] ?? null)))}
      change={now && held ? timeChangeWords(held, now) : ''}
    />
  );
}

const untimedWords = (times: readonly TimedForward[] | null): string => (times ? 'not measured' : 'n/a');

const isSameEngine = (a: TimedForward['engine'], b: TimedForward['engine']): boolean =>
  a.name === b.name && a.device === b.device;

/** Each once, in the order in which they were first used. */
function enginesOf(times: readonly TimedForward[]): TimedForward['engine'][] {
  const engines: TimedForward['engine'][] = [];
  for (const { engine } of times) if (!engines.some((one) => isSameEngine(one, engine))) engines.push(engine);
  return engines;
}

interface LineProps {
  name: string;
  cells: readonly string[];
  change?: string;
}

function Line({ name, cells, change = '' }: LineProps) {
  const [now, held] = cells;
  return (
    <tr className="align-top leading-5">
      <th scope="row" className="text-left font-normal whitespace-nowrap text-muted">
        {name}
      </th>
      <td className="pl-2">{now}</td>
      <td className="pl-2">{held}</td>
      <td className="pl-2 text-right whitespace-nowrap text-muted">{change}</td>
    </tr>
  );
}

function onlyIn(edits: readonly PageEdit[], others: readonly PageEdit[]): string {
  const own = edits.filter((a) => !others.some((b) => sameEdit(a, b)));
  return own.length === 0 ? '–' : choiceWords(own);
}

function predicted(edits: readonly PageEdit[], { prediction, predictedOf }: PointScales): string {
  const known = predictedOf(edits);
  return prediction && known ? damageWords(known.value, prediction.isShare) : 'n/a';
}

function errorWords(choice: MeasuredChoice | undefined): string {
  if (!choice?.damage) return choice?.edits.length === 0 ? '0 %' : 'not measured';
  const { outputError, bounds } = choice.damage;
  return `${percentWords(outputError)}${bounds ? ` (${shareRangeWords(bounds)})` : ''}`;
}

function factWords(choice: MeasuredChoice | undefined): string {
  if (!choice || !isCounted(choice.facts) || choice.facts.total === 0) return 'not counted';
  return `${countedWords(choice.facts)} (${countedRangeWords(choice.facts)})`;
}
