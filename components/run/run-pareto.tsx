'use client';
/** Every subset that was tried, quality against parameters; a click plugs one in again. */
import { useMemo, useState } from 'react';
import { Pareto, type ParetoLabels, type ParetoQuality, useWidth } from '@/components/charts/run-charts.ts';
import { Choice } from '@/components/ui/choice';
import { Help } from '@/components/ui/help';
import { Panel } from '@/components/ui/panel';
import { subsetKey } from '@/lib/core/run/index.ts';
import { choiceOf, presentSubset } from '@/lib/page/run/plugged.ts';
import { fewestParameters, paretoPoints, pointWords, qualityFor } from './pareto-points';
import { FigureMenu } from './run-chart-download';
import { useRun, useRunPage } from './run-context';
import { usePlugged } from './use-plugged';

const LABELS: ParetoLabels = {
  points: 'Tried subsets',
  take: 'Plug in',
  none: 'No subset has been measured yet.',
  reading: 'Filled: no other is smaller and better. ◆ the teacher. Click a point to plug it in.',
};

export function RunPareto() {
  const { plugged } = useRunPage();
  const run = useRun((state) => state);
  const choice = usePlugged();
  const [ref, width] = useWidth();
  const [asked, setQuality] = useState<ParetoQuality | null>(null);
  const view = run?.view ?? null;
  const quality = asked ?? (view ? qualityFor(view) : 'facts');
  const subsets = view?.subsets;
  const points = useMemo(() => paretoPoints(subsets ?? [], quality), [subsets, quality]);
  const current = view ? presentSubset(view, choice) : null;
  return (
    <Panel
      title="Quality against size"
      help={
        <Help about="the Pareto chart">
          <p>
            One point for each choice of students, maps and modulations that was measured. To the left is smaller,
            upwards is better. Filled points are the <em>front</em>: no other subset is both smaller and at least as
            good.
          </p>
          <p>
            <em>Facts</em>: share of the captions' facts that the checker finds in the pictures. <em>Error</em>:
            relative error of one forward's output against the teacher's, on a log scale. Whiskers are 95 % intervals:
            Wilson's over facts, a bootstrap over prompts for the error; runs of earlier versions have none for errors.
          </p>
        </Help>
      }
      tools={
        <>
          <Choice
            name="Quality"
            value={quality}
            onChange={setQuality}
            options={[
              {
                value: 'facts',
                label: 'Facts',
                disabled: view !== null && !view.model.drawable,
                title: view && !view.model.drawable ? 'This model has no captions to check' : undefined,
              },
              { value: 'error', label: 'Error' },
            ]}
          />
          <FigureMenu
            name="Download subsets"
            figures={[{ figure: 'pareto', label: 'Tried subsets' }]}
            run={run}
            current={current}
          />
        </>
      }
    >
      <div ref={ref}>
        {view && width > 0 ? (
          <Pareto
            width={width}
            points={points}
            quality={quality}
            whole={view.model.parameters}
            least={fewestParameters(view)}
            current={current ? subsetKey(current) : ''}
            inWords={(key) => {
              const subset = view.subsets.find((known) => subsetKey(known) === key);
              return subset ? pointWords(view, subset) : key;
            }}
            labels={LABELS}
            onPlug={(key) => {
              const subset = view.subsets.find((known) => subsetKey(known) === key);
              if (subset) plugged.setState(choiceOf(view, subset));
            }}
          />
        ) : (
          <div className="h-[272px]" />
        )}
      </div>
    </Panel>
  );
}
