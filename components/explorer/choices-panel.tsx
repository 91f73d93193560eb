'use client';
/** Every choice that was measured in this visit, quality against size; a click makes it the choice again. */
import { useMemo, useState } from 'react';
import { useStore } from 'zustand';
import { Pareto, type ParetoLabels, type ParetoQuality, useWidth } from '@/components/charts';
import { Choice } from '@/components/ui/choice';
import { Help } from '@/components/ui/help';
import { Panel } from '@/components/ui/panel';
import { runEdits } from '@/lib/core/edit/index.ts';
import { parameterCost } from '@/lib/core/plan/index.ts';
import { analysisStore } from '@/lib/page/explorer/analysis.ts';
import { choiceQualityStore, measuredChoices } from '@/lib/page/explorer/choice-quality.ts';
import { pageEdits } from '@/lib/page/explorer/edits.ts';
import { modelStore } from '@/lib/page/explorer/model.ts';
import { choose, gestureName, selectionStore } from '@/lib/page/explorer/selection.ts';
import { choiceKey, choicePoints, choiceWords } from './choice-points';

const LABELS: ParetoLabels = {
  points: 'Measured choices',
  take: 'Choose',
  none: 'Choices appear here once they have been measured.',
  reading: 'Filled: no other is smaller and better. ◆ the whole model. Click a point to choose its blocks again.',
};

export function ChoicesPanel() {
  const summary = useStore(modelStore, (state) => state.summary);
  const chosen = useStore(selectionStore, (state) => state.selection.present);
  const quality = useStore(choiceQualityStore);
  // Which choices are of the analysis on the page changes with it.
  const report = useStore(analysisStore, (state) => state.report);
  const measuredOn = useStore(analysisStore, (state) => state.measuredOn);
  const [ref, width] = useWidth<HTMLDivElement>();
  const [asked, setAsked] = useState<ParetoQuality>('error');
  const shown = summary?.drawable ? asked : 'error';
  // biome-ignore lint/correctness/useExhaustiveDependencies: the report and its inputs are read by measuredChoices
  const choices = useMemo(() => measuredChoices(quality), [quality, report, measuredOn]);
  const points = useMemo(() => (summary ? choicePoints(summary, choices, shown) : []), [summary, choices, shown]);
  const fewest = Math.min(summary?.parameters ?? 0, ...points.map(({ parameters }) => parameters));
  const byKey = (key: string) => choices.find(({ edits }) => choiceKey(edits) === key);
  return (
    <Panel
      title="Measured choices"
      help={
        <Help about="a measured choice">
          <p>
            One point per choice of blocks that has been measured since the model was opened, all of its intervals taken
            out together. To the left is smaller, upwards is better. Filled points are the <em>front</em>: no other
            choice is both smaller and at least as good.
          </p>
          <p>
            Whiskers are 95 % intervals: a bootstrap over prompts for the output error, Wilson’s over facts. Two choices
            whose whiskers overlap have not been told apart.
          </p>
        </Help>
      }
      tools={
        summary?.drawable ? (
          <Choice
            name="Quality of choices"
            value={shown}
            onChange={setAsked}
            options={[
              { value: 'error', label: 'Error' },
              { value: 'facts', label: 'Facts' },
            ]}
          />
        ) : null
      }
    >
      <div ref={ref} className="max-w-xl">
        {summary && width > 0 ? (
          <Pareto
            width={width}
            points={points}
            quality={shown}
            parameters={summary.parameters}
            fewest={
              fewest === summary.parameters ? parameterCost(summary, runEdits(summary.stacks, 'nothing')).after : fewest
            }
            current={choiceKey(pageEdits(chosen))}
            labels={LABELS}
            inWords={(key) => {
              const choice = byKey(key);
              return choice ? choiceWords(summary, choice) : key;
            }}
            onPlug={(key) => {
              const choice = byKey(key);
              if (choice) choose({ type: 'choose', edits: choice.edits, gesture: gestureName('choices') });
            }}
          />
        ) : (
          <div className="h-[272px]" />
        )}
      </div>
    </Panel>
  );
}
