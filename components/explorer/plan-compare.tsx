'use client';
/** The choice on the page beside one that is held: intervals, costs of every kind, what is predicted and measured, and where they differ. */
import { useMemo } from 'react';
import { PlanRows } from '@/components/charts';
import { Button } from '@/components/ui/button';
import { estimatedError } from '@/lib/core/detection/index.ts';
import type { ModelSummary } from '@/lib/core/folder/model-summary.ts';
import { removedCount } from '@/lib/core/interval/index.ts';
import { tokensOf } from '@/lib/core/plan/index.ts';
import { amountWords, type CostScale, costScales, predictedDamage } from '@/lib/core/planner/index.ts';
import type { AnalysisReport } from '@/lib/core/report/report.ts';
import { countedRangeWords, countedWords, shareRangeWords } from '@/lib/page/browser/confidence-words.ts';
import { changeWords, percentWords } from '@/lib/page/browser/number-words.ts';
import { isCounted, type MeasuredChoice } from '@/lib/page/explorer/choice-quality.ts';
import type { PageEdit } from '@/lib/page/explorer/edits.ts';
import { choiceKey, costOf, damageWords, editsWords, type PointScales } from './plan-points';

interface PlanCompareProps {
  width: number;
  model: ModelSummary;
  report: AnalysisReport;
  held: readonly PageEdit[];
  present: readonly PageEdit[];
  choices: readonly MeasuredChoice[];
  scales: PointScales;
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
  const { width, model, report, held, present, choices, scales, onLetGo, onTake } = props;
  const costs = useMemo(() => {
    const costed = { ...model, tokensPerForward: tokensOf(model, report.calibration) };
    return costScales(costed, report);
  }, [model, report]);
  const rows = useMemo(
    () => [
      { label: 'now', intervals: present },
      { label: 'held', intervals: held },
    ],
    [present, held],
  );
  const both = [present, held] as const;
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
          <Line name="Intervals" cells={both.map(editsWords)} />
          <Line name="Only here" cells={[onlyIn(present, held), onlyIn(held, present)]} />
          <Line
            name="Blocks"
            cells={both.map((edits) => String(model.numBlocks - removedCount(edits)))}
            change={changeWords(model.numBlocks - removedCount(held), model.numBlocks - removedCount(present))}
          />
          {costs.map((scale) => (
            <CostLine key={scale.kind} scale={scale} present={present} held={held} />
          ))}
          <Line name="Predicted damage" cells={both.map((edits) => predicted(edits, scales))} />
          <Line name="Estimated error" cells={both.map((edits) => percentWords(estimatedError(report, edits)))} />
          <Line name="Output error" cells={measured.map(errorWords)} />
          {model.drawable ? <Line name="Facts held" cells={measured.map(factWords)} /> : null}
        </tbody>
      </table>
    </div>
  );
}

function CostLine({ scale, present, held }: { scale: CostScale } & Pick<PlanCompareProps, 'present' | 'held'>) {
  const [now, before] = [costOf(scale, present), costOf(scale, held)];
  const words = (amount: number) => amountWords(scale.kind, amount).replace(' parameters', '');
  return <Line name={NAMES[scale.kind]} cells={[words(now), words(before)]} change={changeWords(before, now)} />;
}

function Line({ name, cells, change = '' }: { name: string; cells: readonly string[]; change?: string }) {
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
  const own = edits.filter((a) => !others.some((b) => a.first === b.first && a.last === b.last && a.by === b.by));
  return own.length === 0 ? '–' : editsWords(own);
}

function predicted(edits: readonly PageEdit[], { prediction }: PointScales): string {
  const damage = prediction && predictedDamage(prediction, edits);
  return prediction && damage !== null ? damageWords(damage, prediction.isShare) : 'n/a';
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
